# The router's role, when the context asks for it; the variables are those of OpenNebula's VNF appliance, as far as
# they go, and one of our own:
#
# ONEAPP_VNF_ROUTER4_ENABLED=YES          packets pass from NIC to NIC
# ONEAPP_VNF_NAT4_ENABLED=YES             and leave under the router's address,
# ONEAPP_VNF_NAT4_INTERFACES_OUT="eth0"   by these NICs
# ONEAPP_VNF_DHCP4_ENABLED=YES            guests get the addresses that they are leased (those in their MACs),
# ONEAPP_VNF_DHCP4_INTERFACES="eth1"      on these NICs (else on all that nothing leaves by)
# ONEAPP_VNF_DHCP4_ETHn="FIRST-LAST"      others get one of these
# ONEAPP_VNF_DNS_ENABLED=YES              what guests ask the router is asked of
# ONEAPP_VNF_DNS_NAMESERVERS="ADDRESS"    this server (else of the first of the router's own)
# ROUTER_FORWARD="OUTSIDE=INSIDE ..."     what comes for an address of the router goes to a guest
#
# Floating addresses (ETHn_VROUTER_IP) are the router's, unless ONEAPP_VNF_KEEPALIVED_ENABLED=YES: then they are those
# of whichever router is the active one, which this image does not find out.

most_leases=1022

is_router() {
    [ "$ONEAPP_VNF_ROUTER4_ENABLED" = YES ] || [ "$ONEAPP_VNF_NAT4_ENABLED" = YES ] ||
        [ "$ONEAPP_VNF_DHCP4_ENABLED" = YES ] || [ -n "$ROUTER_FORWARD" ]
}

apply_router() {
    is_router || return 0
    for module in nf_tables nf_nat nft_chain_nat nft_nat nft_masq nf_conntrack; do modprobe $module 2>/dev/null; done
    echo 1 >/proc/sys/net/ipv4/ip_forward
    [ "$ONEAPP_VNF_KEEPALIVED_ENABLED" = YES ] || take_floating_addresses
    router_rules | nft -f -
    restart_dhcp_servers
}

device_of() { # ETHn: the device that has its MAC
    local path
    for path in /sys/class/net/*; do
        [ "$(cat "$path/address")" = "$(setting "$1_MAC" | tr A-F a-f)" ] && echo "${path##*/}" && return
    done
}

router_names() { context_names; }

outer_names() { # the NICs that packets leave by under our address
    [ "$ONEAPP_VNF_NAT4_ENABLED" = YES ] || return 0
    echo "$ONEAPP_VNF_NAT4_INTERFACES_OUT" | tr 'a-z,' 'A-Z '
}

inner_names() {
    local name
    if [ -n "$ONEAPP_VNF_DHCP4_INTERFACES" ]; then
        echo "$ONEAPP_VNF_DHCP4_INTERFACES" | tr 'a-z,' 'A-Z '
        return
    fi
    for name in $(router_names); do
        case " $(outer_names) " in *" $name "*) ;; *) echo "$name" ;; esac
    done
}

router_address() { # ETHn: the address under which its guests know the router
    local floating
    floating=$(setting "$1_VROUTER_IP")
    [ -z "$floating" ] || [ "$ONEAPP_VNF_KEEPALIVED_ENABLED" = YES ] || { echo "$floating"; return; }
    setting "$1_IP"
}

take_floating_addresses() {
    local name address mask
    for name in $(router_names); do
        address=$(setting "${name}_VROUTER_IP")
        [ -n "$address" ] || continue
        mask=$(setting "${name}_MASK")
        ip addr replace "$address/$(prefix_length "$address" "${mask:-255.255.255.0}")" dev "$(device_of "$name")"
    done
}

router_rules() {
    local pair name server
    echo "table ip router {}"
    echo "delete table ip router"
    echo "table ip router {"
    echo "chain incoming { type nat hook prerouting priority dstnat;"
    for pair in $ROUTER_FORWARD; do echo "ip daddr ${pair%%=*} dnat to ${pair#*=};"; done
    server=$(name_server)
    [ "$ONEAPP_VNF_DNS_ENABLED" != YES ] || [ -z "$server" ] || for name in $(inner_names); do
        echo "ip daddr $(router_address "$name") udp dport 53 dnat to $server;"
        echo "ip daddr $(router_address "$name") tcp dport 53 dnat to $server;"
    done
    echo "}"
    echo "chain leaving { type nat hook postrouting priority srcnat;"
    for name in $(outer_names); do echo "oifname \"$(device_of "$name")\" masquerade;"; done
    echo "}"
    echo "}"
}

name_server() {
    local servers
    servers=${ONEAPP_VNF_DNS_NAMESERVERS:-$(sed -n 's/^nameserver //p' /etc/resolv.conf)}
    set -- $(echo "$servers" | tr , ' ')
    echo "$1"
}

restart_dhcp_servers() {
    local name file
    for file in /run/context/udhcpd.*.pid; do
        [ -e "$file" ] && kill "$(cat "$file")" 2>/dev/null
        rm -f "$file"
    done
    [ "$ONEAPP_VNF_DHCP4_ENABLED" = YES ] || return 0
    for name in $(inner_names); do
        file=/run/context/udhcpd.$name
        dhcp_settings "$name" "$file" >"$file.conf"
        : >"$file.leases"
        udhcpd "$file.conf"
    done
}

dhcp_settings() { # ETHn FILE
    local range own mask
    own=$(router_address "$1") mask=$(setting "$1_MASK") range=$(setting "ONEAPP_VNF_DHCP4_$1")
    mask=${mask:-255.255.255.0}
    # Without a range nobody gets an address by chance: our own is never given.
    echo "start ${range%%-*}" | sed "s/^start \$/start $own/"
    echo "end ${range##*-}" | sed "s/^end \$/end $own/"
    echo "interface $(device_of "$1")"
    echo "pidfile $2.pid"
    echo "lease_file $2.leases"
    echo "option subnet $mask"
    echo "option router $own"
    echo "option lease 3600"
    if [ "$ONEAPP_VNF_DNS_ENABLED" = YES ]; then echo "option dns $own"; elif [ -n "$(name_server)" ]; then
        echo "option dns $(name_server)"
    fi
    static_leases "$(ipcalc -n "$own" "$mask" | sed 's/NETWORK=//')" "$(prefix_length "$own" "$mask")"
}

static_leases() { # NETWORK PREFIX: each address for the MAC that it is leased with
    local a b c d count n
    count=$(((1 << (32 - $2)) - 2))
    [ $count -le $most_leases ] || count=$most_leases
    IFS=. read -r a b c d <<END
$1
END
    n=$(((a << 24) + (b << 16) + (c << 8) + d))
    while [ $count -gt 0 ]; do
        n=$((n + 1)) count=$((count - 1))
        a=$((n >> 24 & 255)) b=$((n >> 16 & 255)) c=$((n >> 8 & 255)) d=$((n & 255))
        printf 'static_lease 02:00:%02x:%02x:%02x:%02x %d.%d.%d.%d\n' $a $b $c $d $a $b $c $d
    done
}
