#!/bin/bash
# A client of a bank on Perjury's demo database: docs/client-protocol.md tells the conversation.
# Of bash it uses /dev/tcp and matching; no other program is run.
trap '' PIPE

# The first group that pattern $2 has in $1, or $3.
part() { if [[ $1 =~ $2 ]]; then found=${BASH_REMATCH[1]}; else found=$3; fi; }

# Says what came of operation $id: ok VALUE, fail WHY, info WHY; a second word says that the
# database declined, or that its answer is not understood.
ok() { echo "{\"id\":$id,\"type\":\"ok\",\"value\":$1}"; }
fail() { echo "{\"id\":$id,\"type\":\"fail\",\"error\":\"$1\",\"declined\":${2:-false}}"; }
info() { echo "{\"id\":$id,\"type\":\"info\",\"error\":\"$1\",\"unexpected\":${2:-false}}"; }

key() { echo -n "\"[\\\"account\\\",$1]\""; }

# An account that was never written holds the opening balance.
add() { echo -n "{\"add_to_register\":{\"key\":$(key "$1"),\"by\":$2,\"initial\":$opening,\"least\":$3}}"; }

# One transaction of the operations $1. The answer is in `read` if it happened; otherwise all is said.
transact() {
    if [ -z "$connected" ]; then
        exec 3<>"/dev/tcp/$address/$port" || { fail "nothing was sent: no connection"; return 1; }
        connected=yes
    fi 2>/dev/null
    echo "{\"execute\":{\"transaction\":{\"operations\":[$1]}}}" >&3 2>/dev/null ||
        { info "the connection is broken"; return 1; }
    read -r -t 2 -u 3 answer || { info "no answer in 2 s, or none at all"; return 1; }
    case $answer in
        '{"executed":{"Ok":{"transaction":['*) read=${answer#*[}; read=${read%%]*}; return 0 ;;
        '{"executed":{"Ok":{"declined"'*) fail "not done" true ;;
        '{"executed":{"Err":'*'"definite":true'*) fail "refused" ;;
        '{"executed":{"Err":'*) info "nobody knows" ;;
        *) info "an odd answer" true ;;
    esac
    return 1
}

read -r hello
part "$hello" '"node":\{[^}]*"address":"([^"]*)"'; address=$found
part "$hello" '"ports":\{[^}]*"client":([0-9]+)'; port=$found
part "$hello" '"accounts":"([0-9]+)"' 8; accounts=$found
part "$hello" '"balance":"([0-9]+)"' 10; opening=$found
echo '{"type":"hello","protocol":1}'

while read -r op; do
    part "$op" '"id":([0-9]+)'; id=$found
    part "$op" '"f":"([^"]*)"'
    case $found in
        transfer)
            part "$op" '"value":(\{[^}]*\})'; value=$found
            part "$value" '"from":([0-9]+)'; from=$found
            part "$value" '"to":([0-9]+)'; to=$found
            part "$value" '"amount":([0-9]+)'; amount=$found
            transact "$(add "$from" "-$amount" 0),$(add "$to" "$amount" null)" && ok "$value"
            ;;
        read)
            operations=""
            for ((at = 0; at < accounts; at++)); do
                operations+=",{\"read_register\":{\"key\":$(key $at)}}"
            done
            if transact "${operations:1}"; then
                IFS=, read -r -a held <<<"$read"
                value=""
                for ((at = 0; at < accounts; at++)); do
                    value+=",\"$at\":${held[at]/null/$opening}"
                done
                ok "{${value:1}}"
            fi
            ;;
        *) fail "there is no operation $found" ;;
    esac
done
