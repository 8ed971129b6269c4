"""How Open vSwitch is started and stopped on a machine of the tests' own: its userspace datapath."""

START = """
mkdir -p /run/openvswitch
ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /run/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \\
    --pidfile --detach --log-file=/run/openvswitch/db.log
ovs-vsctl --no-wait init
ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile --detach --log-file=/run/openvswitch/sw.log
"""
STOP = "kill $(cat /run/openvswitch/*.pid); sleep 0.2; rm -rf /run/openvswitch"
RESTART = """
kill $(cat /run/openvswitch/ovs-vswitchd.pid)
while [ -e /run/openvswitch/ovs-vswitchd.pid ]; do sleep 0.1; done
ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile --detach --log-file=/run/openvswitch/sw.log
"""
