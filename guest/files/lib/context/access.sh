# Who may log in: SSH_PUBLIC_KEY, and one of PASSWORD, PASSWORD_BASE64, CRYPTED_PASSWORD,
# CRYPTED_PASSWORD_BASE64 for root. Without a password variable the password stays as it is;
# the image comes with none that could match.

apply_access() {
    apply_keys
    apply_password
}

apply_keys() {
    [ -n "$SSH_PUBLIC_KEY" ] || return 0
    (umask 077 && printf '%s\n' "$SSH_PUBLIC_KEY" >/root/.ssh/authorized_keys)
}

crypted_password() {
    local plain=$PASSWORD
    [ -z "$PASSWORD_BASE64" ] || plain=$(echo "$PASSWORD_BASE64" | base64 -d)
    if [ -n "$CRYPTED_PASSWORD_BASE64" ]; then
        echo "$CRYPTED_PASSWORD_BASE64" | base64 -d
    elif [ -n "$CRYPTED_PASSWORD" ]; then
        echo "$CRYPTED_PASSWORD"
    elif [ -n "$plain" ]; then
        mkpasswd -m sha512 "$plain"
    fi
}

apply_password() {
    local crypted
    crypted=$(crypted_password)
    [ -z "$crypted" ] || (umask 077 && printf 'root:%s:19000:0:99999:7:::\n' "$crypted" >/etc/shadow)
}
