"""The commands and verbs of OpenNebula's command line (7.0)."""

VERBS: dict[str, str] = {
    "onevm": (
        "create hold release disk-saveas terminate undeploy poweroff reboot deploy migrate stop suspend "
        "resume recover disk-attach disk-detach nic-attach nic-detach nic-update sg-attach sg-detach resched "
        "unresched snapshot-create snapshot-revert snapshot-delete snapshot-list disk-snapshot-create "
        "disk-snapshot-revert disk-snapshot-delete disk-snapshot-rename disk-snapshot-list disk-resize resize "
        "save backupmode updateconf exec exec-retry exec-cancel create-chart update-chart delete-chart "
        "sched-update sched-delete backup backup-cancel restore pci-attach pci-detach ssh port-forward vnc "
        "vmgroup-add vmgroup-del list show top update rename chgrp chown chmod lock unlock "
    ),
    "onehost": (
        "create delete enable disable offline update sync list show top flush rename forceupdate monitoring "
    ),
    "oneimage": (
        "create clone delete persistent nonpersistent enable disable chtype snapshot-delete snapshot-revert "
        "snapshot-flatten restore orphans list show top update rename chgrp chown chmod lock unlock "
    ),
    "onevnet": (
        "create addar rmar updatear free hold release reserve recover orphans list show top update rename "
        "chgrp chown chmod lock unlock delete "
    ),
    "onevntemplate": "create clone instantiate list show top update rename chgrp chown chmod lock unlock delete",
    "onedatastore": "create delete enable disable update rename chgrp chown chmod list show",
    "onetemplate": "create clone instantiate list show top update rename chgrp chown chmod lock unlock delete",
    "onecluster": (
        "create delete addhost delhost adddatastore deldatastore addvnet delvnet update rename optimize "
        "planexecute plandelete list show "
    ),
    "oneuser": (
        "create update quota batchquota defaultquota umask login key delete passwd chgrp addgroup delgroup "
        "chauth encode passwdsearch token-create token-set token-delete token-delete-all enable disable list "
        "show "
    ),
    "onegroup": "create update delete addadmin deladmin quota batchquota defaultquota vlan list show",
    "oneacl": "create delete list",
    "onevdc": (
        "create rename update delete addgroup delgroup addcluster delcluster addhost delhost adddatastore "
        "deldatastore addvnet delvnet list show "
    ),
    "onezone": (
        "create rename update delete server-add server-del server-reset set serversync enable disable list "
        "show "
    ),
    "onesecgroup": "create clone commit list show top update rename chgrp chown chmod delete",
    "onevrouter": (
        "create instantiate nic-attach nic-detach list show top update rename chgrp chown chmod lock unlock "
        "delete "
    ),
    "onevmgroup": (
        "create role-add role-delete role-update list show top update rename chgrp chown chmod lock unlock "
        "delete "
    ),
    "onemarket": "create enable disable list show top update rename chgrp chown chmod delete",
    "onemarketapp": (
        "create service-template vm-template vm export enable disable list show top update rename chgrp chown "
        "chmod lock unlock delete "
    ),
    "onehook": "create delete update rename retry log show list top lock unlock",
    "onebackupjob": (
        "create backup cancel retry priority sched-update sched-delete list show top update rename chgrp "
        "chown chmod lock unlock delete "
    ),
    "oneflow": (
        "list top show delete recover scale action service sched-delete update add-role remove-role release "
        "purge-done chgrp chown chmod rename "
    ),
    "oneflow-template": "list top show create delete instantiate clone chgrp chown chmod rename update",
    "oneacct": "",
    "oneshowback": "list calculate",
    "onelog": "get get-vm get-service",
    "onedb": (
        "backup restore version history upgrade fsck patch sqlite2mysql purge-history purge-done change-body "
        "update-body show-body change-history update-history show-history "
    ),
    "oneform": "",
    "oneprovider": "",
    "oneprovision": "",
    "onegate": "",
    "oneirb": "",
}
