# Networks from the context: for each NIC that is present, the ETHn_* variables with its MAC.
# ETHn_METHOD is static (default), dhcp or skip; ETHn_IP6_METHOD static (default), auto or disable.
# A NIC's variables are kept as they were applied; the same ones are not applied again.

setting() { eval "printf '%s' \"\${$1}\""; }

prefix_length() { # IP MASK
    ipcalc -p "$1" "$2" | sed 's/PREFIX=//'
}

context_names() { # of the ETHn in context.sh
    sed -n 's/^\(ETH[0-9][0-9]*\)_MAC=.*/\1/p' /run/context/files/context.sh
}

name_for_mac() { # MAC: the ETHn that describes it
    local name
    for name in $(context_names); do
        [ "$(setting "${name}_MAC" | tr A-F a-f)" = "$1" ] && echo "$name" && return
    done
}

apply_network() {
    local path device name
    for path in /sys/class/net/*; do
        device=${path##*/}
        [ "$device" = lo ] && continue
        name=$(name_for_mac "$(cat "$path/address")")
        if [ -n "$name" ]; then
            apply_if_changed "$device" "$name"
        else
            ip link set "$device" up
        fi
    done
    forget_gone_devices
}

apply_if_changed() { # DEVICE NAME
    local record=/run/context/device.$1
    { grep "^$2_" /run/context/files/context.sh; cat "/sys/class/net/$1/ifindex"; } >"$record.new"
    cmp -s "$record.new" "$record" && { rm "$record.new"; return; }
    mv "$record.new" "$record"
    configure_device "$1" "$2"
}

forget_gone_devices() {
    local record device
    for record in /run/context/device.*; do
        device=${record##*device.}
        [ -e "/sys/class/net/$device" ] && continue
        rm -f "$record" "/run/context/dns.$device"
        stop_dhcp "$device"
    done
    join_dns
}

configure_device() { # DEVICE NAME
    local mtu method
    stop_dhcp "$1"
    ip addr flush dev "$1" scope global
    mtu=$(setting "$2_MTU")
    [ -z "$mtu" ] || ip link set "$1" mtu "$mtu"
    [ "$(setting "$2_IP6_METHOD")" = disable ] && echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
    ip link set "$1" up
    method=$(setting "$2_METHOD")
    case ${method:-static} in
    skip) return ;;
    dhcp) start_dhcp "$1" ;;
    *) configure_ip4 "$1" "$2" ;;
    esac
    configure_ip6 "$1" "$2"
    configure_aliases "$1" "$2"
    configure_routes "$1" "$2"
    [ "$method" = dhcp ] || write_dns "$1" "$(setting "$2_DNS") $DNS" "$(setting "$2_SEARCH_DOMAIN")"
}

configure_ip4() { # DEVICE NAME
    local ip gateway mask metric
    ip=$(setting "$2_IP")
    [ -n "$ip" ] || return
    mask=$(setting "$2_MASK")
    ip addr add "$ip/$(prefix_length "$ip" "${mask:-255.255.255.0}")" brd + dev "$1"
    gateway=$(setting "$2_GATEWAY")
    [ -n "$gateway" ] || return
    metric=$(setting "$2_METRIC")
    ip route replace default via "$gateway" dev "$1" metric "${metric:-${2#ETH}}"
}

configure_ip6() { # DEVICE NAME; ETHn_IPV6 and ETHn_GATEWAY6 are the older names
    local ip length gateway ula
    ip=$(setting "$2_IP6")
    [ -n "$ip" ] || ip=$(setting "$2_IPV6")
    length=$(setting "$2_IP6_PREFIX_LENGTH")
    [ -z "$ip" ] || ip -6 addr add "$ip/${length:-64}" dev "$1"
    ula=$(setting "$2_IP6_ULA")
    [ -z "$ula" ] || ip -6 addr add "$ula/${length:-64}" dev "$1"
    gateway=$(setting "$2_IP6_GATEWAY")
    [ -n "$gateway" ] || gateway=$(setting "$2_GATEWAY6")
    [ -z "$gateway" ] || ip -6 route replace default via "$gateway" dev "$1"
}

configure_aliases() { # DEVICE NAME
    local alias ip mask
    for alias in $(sed -n "s/^\($2_ALIAS[0-9]*\)_IP=.*/\1/p" /run/context/files/context.sh); do
        ip=$(setting "${alias}_IP")
        mask=$(setting "${alias}_MASK")
        ip addr add "$ip/$(prefix_length "$ip" "${mask:-255.255.255.0}")" dev "$1"
    done
}

configure_routes() { # DEVICE NAME; "NET/LEN via GATEWAY, NET/LEN via GATEWAY"
    setting "$2_ROUTES" | tr ',' '\n' | while read -r route || [ -n "$route" ]; do
        [ -z "$route" ] || ip route replace $route dev "$1"
    done
}

start_dhcp() { # DEVICE; in the background, for as long as the NIC is there
    udhcpc -b -t 5 -T 2 -A 5 -i "$1" -p "/run/context/dhcp.$1" -s /sbin/dhcp-event \
        -x "hostname:$(hostname)" >/dev/null 2>&1
}

stop_dhcp() { # DEVICE
    [ -e "/run/context/dhcp.$1" ] || return 0
    kill "$(cat "/run/context/dhcp.$1")" 2>/dev/null
    rm -f "/run/context/dhcp.$1"
}

write_dns() { # DEVICE SERVERS SEARCH
    local server
    {
        for server in $2; do echo "nameserver $server"; done
        [ -z "$3" ] || echo "search $3"
    } >"/run/context/dns.$1"
    join_dns
}

join_dns() {
    cat /run/context/dns.* 2>/dev/null | awk '!seen[$0]++' >/etc/resolv.conf
}
