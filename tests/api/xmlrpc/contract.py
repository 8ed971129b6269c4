"""OpenNebula's methods, as its contract lists them (spec: xmlrpc-methods.md section 6).

Each is written `name:parameters` after the session: i an integer, l one of 64 bits, b a boolean, s a text, a an array
of integers; those behind ? may be left out.
"""

_NOUNS = {
    "acl": ("info: addrule:sss?s delrule:i"),
    "user": (
        "allocate:sss?a delete:i info:i?b update:is?i passwd:is chauth:iss login:ssi?i quota:is enable:ib "
        "chgrp:ii addgroup:ii delgroup:ii"
    ),
    "userpool": ("info:"),
    "userquota": ("info: update:s"),
    "group": ("allocate:s delete:i info:i?b update:is?i quota:is vlan:is addadmin:ii deladmin:ii"),
    "grouppool": ("info:"),
    "groupquota": ("info: update:s"),
    "cluster": (
        "allocate:s delete:i info:i?b update:is?i rename:is addhost:ii delhost:ii adddatastore:ii "
        "deldatastore:ii addvnet:ii delvnet:ii optimize:i planexecute:i plandelete:i"
    ),
    "clusterpool": ("info:"),
    "host": ("allocate:sssi delete:i info:i?b update:is?i rename:is status:ii monitoring:i"),
    "hostpool": ("info: monitoring:?i"),
    "datastore": (
        "allocate:si info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii enable:ib"
    ),
    "datastorepool": ("info:"),
    "image": (
        "allocate:si?b info:i?b delete:i?b update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b "
        "unlock:i clone:is?i enable:ib persistent:ib chtype:is snapshotdelete:ii snapshotrevert:ii "
        "snapshotflatten:ii restore:iis"
    ),
    "imagepool": ("info:iii"),
    "template": (
        "allocate:s info:i?bb delete:i?b update:is?i rename:is chmod:iiiiiiiiii?b chown:iii lock:ii?b "
        "unlock:i clone:is?b instantiate:is?bsb"
    ),
    "templatepool": ("info:iii"),
    "vm": (
        "allocate:s?b info:i?b monitoring:i action:si deploy:ii?bis migrate:iib?bii update:is?i "
        "updateconf:is?i rename:is resize:is?b chmod:iiiiiiiiii chown:iii lock:ii?b unlock:i recover:ii "
        "attach:is detach:ii diskresize:iis disksaveas:iissi disksnapshotcreate:iis "
        "disksnapshotdelete:iii disksnapshotrevert:iii disksnapshotrename:iiis snapshotcreate:is "
        "snapshotdelete:ii snapshotrevert:ii attachnic:is detachnic:ii updatenic:iis?i attachsg:iii "
        "detachsg:iii attachpci:is detachpci:ii schedadd:is schedupdate:iis scheddelete:ii backup:i?ib "
        "backupcancel:i restore:iiii exec:iss retryexec:i cancelexec:i vmgroupadd:iis vmgroupdel:i"
    ),
    "vmpool": (
        "info:iiii?s infoextended:iiii?s infoset:sb monitoring:i?i accounting:iii showback:iiiii "
        "calculateshowback:iiii"
    ),
    "vn": (
        "allocate:si info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b "
        "unlock:i add_ar:is rm_ar:ii?b update_ar:is reserve:is free_ar:ii hold:is release:is recover:ii"
    ),
    "vnpool": ("info:iii"),
    "vntemplate": (
        "allocate:s info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b unlock:i "
        "clone:is instantiate:iss"
    ),
    "vntemplatepool": ("info:iii"),
    "secgroup": (
        "allocate:s info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii clone:is commit:ib"
    ),
    "secgrouppool": ("info:iii"),
    "vrouter": (
        "allocate:s info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b unlock:i "
        "instantiate:iiisbs attachnic:is detachnic:ii"
    ),
    "vrouterpool": ("info:iii"),
    "vmgroup": (
        "allocate:s info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b unlock:i "
        "roleadd:is roledelete:ii roleupdate:iis"
    ),
    "vmgrouppool": ("info:iii"),
    "vdc": (
        "allocate:s info:i?b delete:i update:is?i rename:is addgroup:ii delgroup:ii addcluster:iii "
        "delcluster:iii addhost:iii delhost:iii adddatastore:iii deldatastore:iii addvnet:iii delvnet:iii"
    ),
    "vdcpool": ("info:"),
    "zone": (
        "allocate:s delete:i info:i?b update:is?i rename:is enable:ib addserver:is delserver:ii "
        "resetserver:ii raftstatus: replicate:ilililils voterequest:iili fedreplicate:lls updatedb:is"
    ),
    "zonepool": ("info:"),
    "market": (
        "allocate:s info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii enable:ib "
        "allocatedb:is updatedb:is"
    ),
    "marketpool": ("info:"),
    "marketapp": (
        "allocate:si info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b "
        "unlock:i enable:ib allocatedb:is updatedb:is dropdb:i"
    ),
    "marketapppool": ("info:iii"),
    "hook": ("allocate:s info:i?b delete:i update:is?i rename:is lock:ii?b unlock:i retry:ii"),
    "hookpool": ("info:"),
    "hooklog": ("info:iiii"),
    "document": (
        "allocate:si info:i?b delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b "
        "unlock:i clone:is"
    ),
    "documentpool": ("info:iiii"),
    "backupjob": (
        "allocate:s info:i delete:i update:is?i rename:is chmod:iiiiiiiiii chown:iii lock:ii?b unlock:i "
        "backup:i cancel:i retry:i priority:ii schedadd:is scheddelete:ii schedupdate:iis"
    ),
    "backupjobpool": ("info:iii"),
    "system": ("version: config: sql:sb sqlquery:s"),
}

#: By full name: the types of the parameters.
CONTRACT = {
    f"one.{noun}.{word.partition(':')[0]}": word.partition(":")[2]
    for noun, words in _NOUNS.items()
    for word in words.split()
}
