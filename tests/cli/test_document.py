from innkeeper.cli.document import members, object_data, parse, to_data

from . import documents


def test_numbers_are_numbers_and_lists_are_lists_even_with_one_item() -> None:
    vm = object_data(parse(documents.VM_3))
    assert isinstance(vm, dict)
    assert (vm["ID"], vm["NAME"], vm["RESCHED"]) == (3, "web", False)
    template = vm["TEMPLATE"]
    assert isinstance(template, dict)
    assert (template["CPU"], template["MEMORY"], template["VCPU"]) == (0.5, 1536, None)
    assert template["DISK"] == [
        {"DISK_ID": 0, "IMAGE": "debian", "IMAGE_ID": 7, "SIZE": 2048, "TYPE": "FILE"}
    ]
    assert isinstance(vm["HISTORY_RECORDS"], list)
    assert (vm["STATE"], vm["STATE_NAME"]) == (3, "RUNNING")


def test_empty_lists_and_objects_keep_their_shape() -> None:
    vm = to_data(parse(documents.VM_2))
    assert isinstance(vm, dict)
    assert vm["HISTORY_RECORDS"] == []
    assert vm["USER_TEMPLATE"] == {}


def test_a_name_made_of_digits_stays_text() -> None:
    assert to_data(parse("<VM><ID>1</ID><NAME>007</NAME></VM>")) == {"ID": 1, "NAME": "007"}


def test_nothing_becomes_what_json_cannot_say() -> None:
    found = to_data(parse("<T><CPU>nan</CPU><MEMORY>inf</MEMORY><SIZE>1e3</SIZE></T>"))
    assert found == {"CPU": "nan", "MEMORY": "inf", "SIZE": 1000.0}


def test_ids_and_counters_of_the_same_name_are_told_apart() -> None:
    quota = to_data(parse("<VM_QUOTA><VM><VMS>10</VMS><VMS_USED>1</VMS_USED></VM></VM_QUOTA>"))
    assert quota == [{"VMS": 10, "VMS_USED": 1}]
    assert to_data(parse("<HOST><VMS><ID>3</ID></VMS></HOST>")) == {"VMS": [3]}


def test_the_datastores_of_a_host_are_no_list_of_ids() -> None:
    host = to_data(members(parse(documents.HOST_POOL), "HOST")[0])
    assert isinstance(host, dict) and isinstance(host["HOST_SHARE"], dict)
    stores = host["HOST_SHARE"]["DATASTORES"]
    assert isinstance(stores, dict)
    assert stores["DS"] == [{"FREE_MB": 900, "ID": 0, "TOTAL_MB": 1000, "USED_MB": 100}]


def test_quotas_of_a_pool_are_joined_to_their_user() -> None:
    ann, admin = members(parse(documents.USER_POOL), "USER")
    assert ann.findtext("VM_QUOTA/VM/CPU") == "4"
    assert admin.find("VM_QUOTA/VM") is None
    assert ann.findtext("ID") == "5"


def test_a_vm_that_is_not_active_shows_its_own_state() -> None:
    data = object_data(parse(documents.VM_2))
    assert isinstance(data, dict)
    assert data["STATE_NAME"] == "PENDING"
