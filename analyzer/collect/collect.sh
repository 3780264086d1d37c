#!/bin/sh
# Captures what tells why an ingester (Cortex, Mimir, Thanos, Prometheus) crashes: one archive to send.
#
# Plain POSIX shell (dash, busybox ash, bash) with coreutils or busybox. It only reads, never attaches
# to a process, takes no environment variables, no secrets of command lines and no sample data.
# Everything is a function and the last line runs main, so a script that was cut on its way does nothing.
#
# Functions return in upper-case variables, since POSIX shell has no locals; their own carry their name.
# shellcheck disable=SC2317 # maskers, traps and items are called by name

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
export PATH
umask 077

VERSION=1.0
NL='
'
TAB='	'

usage() {
    cat <<'EOF'
Usage: sh collect.sh [options]        as root, on the machine or node where the ingester runs

It crash-loops?  sh collect.sh --match ingester --watch --log /path/to/ingester.log --data /path/to/tsdb
It runs now?     sh collect.sh --pid PID --log /path/to/ingester.log --data /path/to/tsdb
Kubernetes?      the line above on the node, and on your desk:
                 sh collect.sh --kubernetes NAMESPACE/POD

Which process (without any of these: a process called cortex, mimir, thanos or prometheus)
  --pid PID              The process, as this machine numbers it.
  --match NAME           Find the process: NAME is its name, or stands in its command line.
  --container NAME|ID    Find the process by its container.
  --watch [SECONDS]      Follow the process through its crashes, for at most SECONDS (900).

What to take beside it (all optional, all worth having)
  --log FILE             Take this log, its rotated files too; a folder is taken whole.
  --log-command COMMAND  Take what this command prints as a log.
  --data DIR             List names and sizes in the data directory; no file is read.
  --config FILE          Take the product's configuration, secrets masked.
  --metrics URL          Take the process's metrics page.
  --kubernetes NS/POD    Take the pod's logs (previous ones too), state, events and node.

The bundle
  --output FILE          Write the bundle to this file or folder; - is standard output.
  --max-size MB          Take at most this much in all (1000).
  --dry-run              Show what would be taken, and write nothing.
  --help                 Show this help.

It changes nothing, runs at low priority and removes its work folder when it ends. Stop a watch with
Ctrl-C: what was caught until then is packed; a second Ctrl-C gives up. Nothing is sent anywhere:
the bundle is one file, look into it with tar -tzf before you send it.
EOF
}

# ---------------------------------------------------------------------------------------- words and time

say() { printf '%s\n' "collect: $*" >&2; }

note() { # said now, and kept in capture.json
    say "$1"
    quote "$1"
    NOTES="$NOTES${NOTES:+, }$J"
}

die() { # STATUS TEXT
    die_status=$1
    shift
    say "$*"
    PHASE=over
    exit "$die_status"
}

have() { command -v "$1" >/dev/null 2>&1; }

now() { # CS: hundredths of a second since boot, without a fork
    now_up=0.00
    read -r now_up _ 2>/dev/null </proc/uptime
    CS=${now_up%.*}${now_up#*.}
}

two() {
    TWO=$1
    [ "$1" -ge 10 ] || TWO=0$1
}

iso() { # ISO: the UTC time at $1 hundredths since boot; the calendar after Howard Hinnant's civil_from_days
    iso_t=$((EPOCH_CS + $1 - START_CS))
    iso_s=$((iso_t / 100 % 86400))
    iso_e=$((iso_t / 8640000 + 719468))
    iso_o=$((iso_e % 146097))
    iso_y=$(((iso_o - iso_o / 1460 + iso_o / 36524 - iso_o / 146096) / 365))
    iso_n=$((iso_o - (365 * iso_y + iso_y / 4 - iso_y / 100)))
    iso_m=$(((5 * iso_n + 2) / 153))
    iso_d=$((iso_n - (153 * iso_m + 2) / 5 + 1))
    iso_y=$((iso_y + 400 * (iso_e / 146097)))
    if [ "$iso_m" -lt 10 ]; then iso_m=$((iso_m + 3)); else
        iso_m=$((iso_m - 9))
        iso_y=$((iso_y + 1))
    fi
    two $iso_m && ISO=$iso_y-$TWO
    two $iso_d && ISO=$ISO-$TWO
    two $((iso_s / 3600)) && ISO=${ISO}T$TWO
    two $((iso_s / 60 % 60)) && ISO=$ISO:$TWO
    two $((iso_s % 60)) && ISO=$ISO:$TWO
    two $((iso_t % 100)) && ISO=$ISO.${TWO}Z
}

seconds() { # SECONDS_TEXT: $1 hundredths as decimal seconds
    two $(($1 % 100))
    SECONDS_TEXT=$(($1 / 100)).$TWO
}

start_clock() { # pairs the wall clock with the time since boot; later times need no process
    [ -r /proc/uptime ] || die 1 "this is not Linux, or /proc is not mounted: run it on the node"
    now
    START_CS=$CS
    # To the second, from the boot time: all there is should "date" not start.
    while read -r start_key start_value; do
        if [ "$start_key" = btime ]; then EPOCH_CS=$((start_value * 100 + CS)); fi
    done </proc/stat
    iso "$START_CS"
    STARTED=$ISO
    if [ -n "${EPOCHREALTIME:-}" ]; then start_wall=$EPOCHREALTIME; else start_wall=$(date +%s.%N); fi
    now
    case $start_wall in
    *[!0-9.]*) start_wall=$(date +%s).00 ;;
    ?*) CLOCK_PRECISION=0.01 ;;
    *) start_wall=$((EPOCH_CS / 100)).00 ;;
    esac
    START_CS=$CS
    start_fraction=${start_wall#*.}00
    EPOCH_CS=${start_wall%%.*}${start_fraction%"${start_fraction#??}"}
    iso "$START_CS"
    STARTED=$ISO
}

quote() { # J: $1 as a JSON string
    quote_in=$1
    J=
    while :; do
        case $quote_in in
        *[[:cntrl:]\"\\]*) ;;
        *) break ;;
        esac
        quote_head=${quote_in%%[[:cntrl:]\"\\]*}
        quote_in=${quote_in#"$quote_head"}
        case $quote_in in
        \"*) quote_c='\"' ;;
        \\*) quote_c="\\\\" ;;
        "$NL"*) quote_c='\n' ;;
        "$TAB"*) quote_c='\t' ;;
        *) quote_c=' ' ;;
        esac
        J=$J$quote_head$quote_c
        quote_in=${quote_in#?}
    done
    J="\"$J$quote_in\""
}

# ---------------------------------------------------------------------------------------------- secrets

is_secret() { # whether a key or flag of this name holds a secret
    case $1 in
    *[Nn][Uu][Mm][-_.][Tt][Oo][Kk][Ee][Nn]* | *[Tt][Oo][Kk][Ee][Nn][Ss][-_.][Ff][Ii][Ll][Ee]*) return 1 ;;
    *[Pp][Aa][Ss][Ss][Ww]* | *[Pp][Aa][Ss][Ss][Pp]* | *[Ss][Ee][Cc][Rr][Ee][Tt]*) return 0 ;;
    *[Tt][Oo][Kk][Ee][Nn]* | *[Cc][Rr][Ee][Dd][Ee][Nn][Tt][Ii][Aa][Ll]* | *[Bb][Ee][Aa][Rr][Ee][Rr]*) return 0 ;;
    *[Aa][Pp][Ii]*[Kk][Ee][Yy]* | *[Aa][Cc][Cc][Ee][Ss][Ss]*[Kk][Ee][Yy]* | *[Pp][Rr][Ii][Vv][Aa][Tt][Ee]*) return 0 ;;
    *[Aa][Cc][Cc][Oo][Uu][Nn][Tt]*[Kk][Ee][Yy]* | *[Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz][Aa]*) return 0 ;;
    *[Cc][Oo][Nn][Nn][Ee][Cc][Tt][Ii][Oo][Nn][-_]*[Ss][Tt][Rr][Ii][Nn][Gg]* | *[Ss][Ii][Gg][Nn][Aa][Tt]*) return 0 ;;
    *[Cc][Oo][Oo][Kk][Ii][Ee]* | *[Ss][Aa][Ss][-_]* | [Dd][Ss][Nn] | *[-_.][Dd][Ss][Nn]) return 0 ;;
    [Kk][Ee][Yy] | *[-_.][Kk][Ee][Yy] | *[-_.][Kk][Ee][Yy][-_.][Ii][Dd] | [Aa][Uu][Tt][Hh] | [Pp][Ww][Dd]) return 0 ;;
    esac
    return 1
}

mask_urls() { # MASKED: $1 with every user:password@ of an address masked
    mask_rest=$1
    MASKED=
    while :; do
        case $mask_rest in
        *://*) ;;
        *) break ;;
        esac
        MASKED=$MASKED${mask_rest%%://*}://
        mask_rest=${mask_rest#*://}
        # As far as the last @: passwords hold slashes and commas, whatever the standard says.
        mask_host=${mask_rest%%[ \"\']*}
        mask_rest=${mask_rest#"$mask_host"}
        case $mask_host in *@*) mask_host="***@${mask_host##*@}" ;; esac
        MASKED=$MASKED$mask_host
    done
    MASKED=$MASKED$mask_rest
}

mask_text() { # MASKED: $1 with what follows its first secret word masked to the end, and addresses masked
    mask_urls "$1"
    mask_left=$MASKED
    mask_done=
    while :; do
        case $mask_left in
        *[:=]*) ;;
        *) break ;;
        esac
        mask_word=${mask_left%%[:=]*}
        mask_left=${mask_left#"$mask_word"}
        mask_sign=${mask_left%"${mask_left#?}"}
        mask_left=${mask_left#?}
        mask_name=${mask_word%[\"\' ]}
        mask_name=${mask_name##*[ \"\'\{,?&;]}
        mask_done=$mask_done$mask_word$mask_sign
        if is_secret "$mask_name" && [ -n "$mask_left" ]; then
            mask_left="***"
            break
        fi
    done
    MASKED=$mask_done$mask_left
    case $MASKED in
    *[Bb]earer\ *) MASKED="${MASKED%%[Bb]earer *}***" ;;
    *[Bb]asic\ [A-Za-z0-9]*) MASKED="${MASKED%%[Bb]asic *}***" ;;
    esac
}

mask_argument() { # MASKED: one command line argument; MASK_NEXT says that the next one is the secret
    if [ "$MASK_NEXT" = 1 ]; then
        MASK_NEXT=0
        case $1 in
        -*) ;;
        *)
            MASKED="***"
            return
            ;;
        esac
    fi
    case $1 in
    -*=*) mask_text "$1" ;;
    -*)
        mask_text "$1"
        if is_secret "$1"; then MASK_NEXT=1; fi
        ;;
    *) mask_text "$1" ;;
    esac
}

mask_command() { # $1 has one argument per line; written to standard output as the kernel does, with NULs
    MASK_NEXT=0
    while IFS= read -r mask_line || [ -n "$mask_line" ]; do
        mask_argument "$mask_line"
        printf '%s\000' "$MASKED"
    done <"$1"
}

indent_of() { # INDENT: leading blanks of $1; a list's "- " counts as such
    indent_rest=$1
    INDENT=0
    while :; do
        case $indent_rest in
        ' '*) indent_rest=${indent_rest#?} INDENT=$((INDENT + 1)) ;;
        '- '*) indent_rest=${indent_rest#??} INDENT=$((INDENT + 2)) ;;
        *) break ;;
        esac
    done
}

mask_config() { # a YAML, JSON or key=value file $1, masked, to standard output
    mask_under=-1
    while IFS= read -r mask_line || [ -n "$mask_line" ]; do
        indent_of "$mask_line"
        if [ "$mask_under" -ge 0 ]; then
            # What stands deeper than a secret's key is the secret (block text, or a list of them).
            if [ "$INDENT" -gt "$mask_under" ] || [ -z "$indent_rest" ]; then continue; fi
            mask_under=-1
        fi
        mask_key=${indent_rest%%[:=]*}
        mask_bare=${mask_key#[\"\']}
        mask_bare=${mask_bare%[\"\']}
        if [ "$mask_bare" != "$indent_rest" ] && is_secret "$mask_bare"; then
            mask_sign=${indent_rest#"$mask_key"}
            mask_sign=${mask_sign%"${mask_sign#?}"}
            case $mask_sign$indent_rest in
            :\"*,) printf '%s: "***",\n' "${mask_line%%:*}" ;;
            :*) printf '%s: "***"\n' "${mask_line%%:*}" ;;
            *) printf '%s=***\n' "${mask_line%%=*}" ;;
            esac
            case $indent_rest in
            \#*) ;;
            *) mask_under=$INDENT ;;
            esac
            continue
        fi
        mask_text "$mask_line"
        printf '%s\n' "$MASKED"
    done <"$1"
}

mask_object() { # kubectl's JSON in $1 without env and annotations, with arguments masked
    mask_skip=
    MASK_NEXT=0
    while IFS= read -r mask_line || [ -n "$mask_line" ]; do
        mask_blank=${mask_line%%[! ]*}
        if [ -n "$mask_skip" ]; then
            case $mask_line in
            "$mask_close]"* | "$mask_close}"*)
                case $mask_line in *,) mask_skip=$mask_skip, ;; esac
                printf '%s\n' "$mask_skip"
                mask_skip=
                ;;
            esac
            continue
        fi
        case $mask_line in
        *' "env": ['* | *' "envFrom": ['*) mask_empty='[]' ;;
        *' "annotations": {'* | *' "httpHeaders": ['* | *' "managedFields": ['*) mask_empty='{}' ;;
        *) mask_empty= ;;
        esac
        case $mask_line in
        *[\[\{])
            if [ -n "$mask_empty" ]; then
                case $mask_line in *'[') mask_empty='[]' ;; esac
                mask_skip="${mask_line%[\[\{]}$mask_empty"
                mask_close=$mask_blank
                continue
            fi
            ;;
        *"$mask_blank\"-"*)
            mask_tail='"'
            case $mask_line in *,) mask_tail='",' ;; esac
            mask_arg=${mask_line#"$mask_blank\""}
            mask_argument "${mask_arg%"$mask_tail"}"
            printf '%s\n' "$mask_blank\"$MASKED$mask_tail"
            continue
            ;;
        esac
        if [ "$MASK_NEXT" = 1 ]; then
            MASK_NEXT=0
            case $mask_line in
            *\",) mask_line="$mask_blank\"***\"," ;;
            *\") mask_line="$mask_blank\"***\"" ;;
            esac
        fi
        mask_urls "$mask_line"
        printf '%s\n' "$MASKED"
    done <"$1"
}

# ------------------------------------------------------------------------------- running things, bounded

folder() { [ -d "$W/${1%/*}" ] || mkdir -p "$W/${1%/*}"; }

await() { # RC of the child $CHILD; 124 when its time ran out, even if it cannot be killed
    while :; do
        SIGNALLED=0
        wait "$CHILD" 2>/dev/null
        RC=$?
        if [ "$SIGNALLED" = 0 ] || [ "$TIMED_OUT" = 1 ]; then break; fi
    done
    if [ "$TIMED_OUT" = 1 ]; then RC=124; fi
}

finish_child() { # SECONDS: waits so long for $CHILD; the watchdog sees to the deadline
    now
    TIMED_OUT=0
    printf '%s\n' $((CS + $1 * 100)) >"$CTL/deadline"
    await
    CHILD=
    printf '' >"$CTL/deadline"
}

bounded() { # SECONDS OUT COMMAND...: sets RC
    bounded_time=$1
    bounded_out=$2
    shift 2
    "$@" >"$bounded_out" 2>"$CTL/error" </dev/null 3>&- &
    CHILD=$!
    finish_child "$bounded_time"
}

watchdog() { # reminds the script of deadlines; ends with it
    trap - EXIT HUP INT TERM
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        dog_at=
        read -r dog_at 2>/dev/null <"$CTL/deadline"
        now
        if [ -n "$dog_at" ] && [ "$CS" -ge "$dog_at" ]; then kill -ALRM $$ 2>/dev/null; fi
    done
}

kill_tree() { # process $1 and what it started
    tree=" $1 "
    for _ in 1 2 3; do
        for tree_dir in /proc/[0-9]*; do
            stat_of "${tree_dir#/proc/}" || continue
            case $tree in
            *" ${tree_dir#/proc/} "*) ;;
            *" $PARENT_PID "*) tree="$tree${tree_dir#/proc/} " ;;
            esac
        done
    done
    for tree_pid in $tree; do kill -9 "$tree_pid" 2>/dev/null; done
}

on_alarm() {
    SIGNALLED=1
    if [ -n "$CHILD" ]; then
        TIMED_OUT=1
        kill_tree "$CHILD"
    fi
}

row() { # PATH COMMAND START_CS EXIT BYTES ERROR [END_CS]: one line of the manifest; the end is now
    now
    row_end=${7:-$CS}
    quote "$1"
    row_text="{\"path\": $J"
    quote "$2"
    row_text="$row_text, \"command\": $J"
    iso "$3"
    row_text="$row_text, \"started\": \"$ISO\""
    iso "$row_end"
    row_text="$row_text, \"ended\": \"$ISO\", \"exit\": ${4:-null}, \"bytes\": ${5:-null}"
    seconds $((row_end - $3))
    row_text="$row_text, \"seconds\": $SECONDS_TEXT, \"error\": "
    if [ -n "$6" ]; then quote "$6"; else J=null; fi
    printf '%s\n' "$row_text$J}" >>"$W/manifest.jsonl"
}

first_error() { # ERROR: the first line of what the last command said
    ERROR=
    if [ "$RC" = 124 ]; then ERROR="took too long, ended"; else
        read -r ERROR 2>/dev/null <"$CTL/error"
        mask_text "$ERROR"
        ERROR=$MASKED
    fi
    if [ "$RC" != 0 ] && [ -z "$ERROR" ]; then ERROR="exit status $RC"; fi
}

bytes_of() { # BYTES
    BYTES=
    [ -f "$1" ] || return 0
    BYTES=$(wc -c <"$1") || BYTES=0
    BYTES=$((BYTES))
}

room() { # whether one more item fits the bounds of size and time
    now
    if [ "$TOTAL" -ge "$BUDGET" ]; then WHY="left out: the bundle is as large as --max-size allows"; return 1; fi
    if [ "$CS" -ge "$CAPTURE_END" ]; then WHY="left out: the capture took too long"; return 1; fi
}

finish() { # PATH COMMAND START: size, row; an item that failed and is empty is removed
    first_error
    bytes_of "$W/$1"
    if [ "${BYTES:-0}" = 0 ] && [ "$RC" != 0 ]; then rm -f "$W/$1"; BYTES=; fi
    TOTAL=$((TOTAL + ${BYTES:-0}))
    row "$1" "$2" "$3" "$RC" "$BYTES" "$ERROR"
    [ "$RC" = 0 ]
}

plan() { printf '  %-30s %s\n' "$1" "$2"; }

take() { # PATH SECONDS COMMAND...: one item of the bundle
    take_path=$1
    take_limit=$2
    shift 2
    if [ "$DRY" = 1 ]; then plan "$take_path" "$*"; return 0; fi
    now
    take_start=$CS
    if ! room; then row "$take_path" "$*" "$take_start" "" "" "$WHY"; return 1; fi
    folder "$take_path"
    bounded "$take_limit" "$W/$take_path" "$@"
    finish "$take_path" "$*" "$take_start"
}

take_masked() { # PATH SECONDS MASKER COMMAND...: as take, through a masker, so that no secret is kept
    masked_path=$1
    masked_limit=$2
    masker=$3
    shift 3
    if [ "$DRY" = 1 ]; then plan "$masked_path" "$* (masked)"; return 0; fi
    now
    masked_start=$CS
    if ! room; then row "$masked_path" "$*" "$masked_start" "" "" "$WHY"; return 1; fi
    folder "$masked_path"
    bounded "$masked_limit" "$CTL/raw" "$@"
    "$masker" "$CTL/raw" >"$W/$masked_path"
    rm -f "$CTL/raw"
    finish "$masked_path" "$* (masked)" "$masked_start"
}

show() { # prints the text file $1 with builtins only; LINES_READ is its number of lines
    LINES_READ=0
    [ -r "$1" ] || return 1
    if [ -n "${BASH_VERSION:-}" ]; then
        # bash seeks back after each read of a line, which the kernel answers by starting over.
        eval 'mapfile -t show_lines 2>/dev/null <"$1"; LINES_READ=${#show_lines[@]}
        if [ "$LINES_READ" -gt 0 ]; then printf "%s\n" "${show_lines[@]}"; fi; show_lines='
        return 0
    fi
    while IFS= read -r show_line || [ -n "$show_line" ]; do
        LINES_READ=$((LINES_READ + 1))
        printf '%s\n' "$show_line"
    done 2>/dev/null <"$1"
}

slurp() { # FILE COPY, with builtins only; what cannot be read leaves nothing
    [ -r "$1" ] || return 1
    show "$1" >"$2"
}

pause() { # $1 hundredths of a second
    if [ "$FORKS" = 0 ]; then
        now
        pause_end=$((CS + $1))
        while [ "$CS" -lt "$pause_end" ]; do now; done
    elif [ "$FRACTIONS" = 1 ]; then
        two $(($1 % 100))
        sleep "$(($1 / 100)).$TWO"
    else
        # Whole seconds only: while the process moves, rather do not sleep at all.
        now
        if [ $((CS - MOVED_CS)) -gt 200 ]; then sleep 1; fi
    fi
}

# ---------------------------------------------------------------------------------- finding the process

is_tool() { # shells, viewers and wrappers quote the names of others in their command lines
    case $1 in
    sh | bash | dash | ash | zsh | ksh | busybox | sudo | su | doas | ssh | sshd | login | tmux* | screen) return 0 ;;
    tail | head | less | more | grep | egrep | rg | cat | vi | vim | nano | find | xargs | tee | awk | sed) return 0 ;;
    kubectl | oc | docker* | podman | crictl | nerdctl | containerd* | runc* | conmon | crun | pause) return 0 ;;
    tini | dumb-init | catatonit | s6-* | env | timeout | nice | ionice | watch | strace | gdb | perf) return 0 ;;
    journalctl | systemctl | systemd* | sleep | rsyslogd | promtool | curl | wget | tar | gzip | kubelet) return 0 ;;
    esac
    return 1
}

stat_of() { # STARTTIME (ticks since boot), PARENT_PID and STATE of process $1
    STARTTIME=
    STATE=
    PARENT_PID=
    stat_line=
    read -r stat_line 2>/dev/null <"/proc/$1/stat" || [ -n "$stat_line" ] || return 1
    # shellcheck disable=SC2086 # split into fields on purpose; there is nothing to glob after the name
    set -- ${stat_line##*) }
    [ $# -ge 20 ] || return 1
    STATE=$1
    PARENT_PID=$2
    STARTTIME=${20}
}

ancestors() { # ANCESTORS: this script and whoever started it; never the target of --match
    ANCESTORS=" "
    up=$$
    while [ "${up:-0}" -gt 1 ]; do
        ANCESTORS="$ANCESTORS$up "
        stat_of "$up" || break
        up=$PARENT_PID
    done
}

cgroup_has() { # whether a line of process $1's cgroup file holds one of $IDS
    while IFS= read -r cgroup_line; do
        for cgroup_id in $IDS; do
            case $cgroup_line in *"$cgroup_id"*) return 0 ;; esac
        done
    done 2>/dev/null <"/proc/$1/cgroup"
    return 1
}

container_ids() { # IDS: what the cgroup paths of --container's processes hold
    IDS=
    case $CONTAINER in
    *[!0-9a-f]*) ;;
    ????????????*) IDS=$CONTAINER ;;
    esac
    [ -z "$IDS" ] || return 0
    for log_root in "" /host /proc/1/root; do
        for link in "$log_root"/var/log/containers/*_"$CONTAINER"-*.log; do
            [ -h "$link" ] || continue
            link=${link##*-}
            IDS="$IDS ${link%.log}"
        done
        [ -z "$IDS" ] || return 0
    done
    [ "$FORKS" = 1 ] || return 0
    for engine in docker podman nerdctl; do
        have $engine || continue
        IDS=$($engine ps -a -q --no-trunc --filter "name=^/?$CONTAINER\$" 2>/dev/null)
        [ -z "$IDS" ] || return 0
    done
    if have crictl; then IDS=$(crictl ps -a -q --name "^$CONTAINER\$" 2>/dev/null); fi
}

command_line() { # LINE: process $1's arguments run together (a shell cannot hold the NULs between them)
    LINE=
    while read -r line_part || [ -n "$line_part" ]; do LINE=$LINE$line_part; done 2>/dev/null <"/proc/$1/cmdline"
}

rank() { # RANK of process $1 for what was asked: 0 no, 1 by its command line, 2 by its name
    RANK=0
    rank_comm=
    read -r rank_comm 2>/dev/null <"/proc/$1/comm" || return 0
    case $ANCESTORS in *" $1 "*) return 0 ;; esac
    if is_tool "$rank_comm"; then
        [ "$rank_comm" = "$MATCH" ] || return 0
    fi
    if [ -n "$CONTAINER" ]; then
        if cgroup_has "$1"; then RANK=1; fi
        if [ "$RANK" = 0 ] || [ -z "$MATCH" ]; then return 0; fi
        RANK=0
    fi
    if [ -n "$PID_ASKED" ]; then
        # The successor of a given pid: same name, same arguments.
        [ "$rank_comm" = "$FIRST_COMM" ] || return 0
        command_line "$1"
        if [ "$LINE" = "$FIRST_LINE" ]; then RANK=2; fi
    elif [ -n "$MATCH" ]; then
        command_line "$1"
        [ -n "$LINE" ] || return 0
        case $LINE in *"$MATCH"*) RANK=1 ;; esac
        case $MATCH in "$rank_comm" | "$rank_comm"?*) if [ "${#rank_comm}" -ge 15 ] || [ "$rank_comm" = "$MATCH" ]; then RANK=2; fi ;; esac
    else
        case $rank_comm in cortex* | mimir* | thanos* | prometheus) RANK=2 ;; esac
    fi
}

find_process() { # PID of the best match that started after $1 (hundredths since boot); OTHERS fit as well
    PID=
    OTHERS=
    best_rank=0
    best_pages=0
    if [ -n "$CONTAINER" ]; then container_ids; fi
    now
    find_known=
    find_round=$((CS / 500))
    for find_dir in /proc/[0-9]*; do
        find_pid=${find_dir#/proc/}
        # Who was looked at and is no match is left alone for 5 s: a node has thousands of processes.
        eval "find_known=\${KNOWN_$find_pid:-}"
        [ "$find_known" != "$find_round" ] || continue
        stat_of "$find_pid" || continue
        find_start=$((STARTTIME * 100 / TICKS))
        RANK=0
        rank_comm=
        if [ "$find_start" -ge "$1" ]; then rank "$find_pid"; fi
        if [ "$RANK" = 0 ]; then
            # Not the young ones, nor shells and wrappers: they may be about to become it.
            if [ $((CS - find_start)) -gt 300 ] && ! is_tool "$rank_comm"; then eval "KNOWN_$find_pid=$find_round"; fi
            continue
        fi
        find_pages=0
        read -r find_pages _ 2>/dev/null <"$find_dir/statm"
        [ "${find_pages:-0}" -gt 0 ] || continue
        if [ "$RANK" -lt "$best_rank" ]; then continue; fi
        if [ "$RANK" -gt "$best_rank" ]; then OTHERS=; elif [ "$find_pages" -le "$best_pages" ]; then
            OTHERS="$OTHERS $find_pid"
            continue
        elif [ -n "$PID" ]; then OTHERS="$OTHERS $PID"; fi
        PID=$find_pid
        best_rank=$RANK
        best_pages=$find_pages
    done
    [ -n "$PID" ]
}

target_words() {
    TARGET="a process called cortex, mimir, thanos or prometheus"
    if [ -n "$MATCH" ]; then TARGET="a process that matches '$MATCH'"; fi
    if [ -n "$CONTAINER" ]; then TARGET="$TARGET in container '$CONTAINER'"; fi
    if [ -n "$CONTAINER" ] && [ -z "$MATCH" ]; then TARGET="a process of container '$CONTAINER'"; fi
    if [ -n "$PID_ASKED" ]; then TARGET="process $PID_ASKED or its successor"; fi
}

first_process() { # the process to start with, if there is one
    PID=
    if [ -n "$PID_ASKED" ]; then
        if [ -d "/proc/$PID_ASKED" ]; then PID=$PID_ASKED; fi
    else
        find_process 0
    fi
    [ -n "$PID" ] || return 1
    FIRST_COMM=
    read -r FIRST_COMM 2>/dev/null <"/proc/$PID/comm"
    command_line "$PID"
    FIRST_LINE=$LINE
    say "process $PID ($FIRST_COMM)"
    if [ -n "$OTHERS" ]; then note "also fitting:$OTHERS; took $PID, the largest. Name another with --pid"; fi
}

# -------------------------------------------------------------------------------- one process, in full

locate() { # LOCATED: the path $1 as it can be reached here, from a debug pod, or through the process
    for locate_root in "" /host /proc/1/root "/proc/${PID:-0}/root"; do
        LOCATED=$locate_root$1
        if [ -e "$LOCATED" ]; then return 0; fi
    done
    LOCATED=
    return 1
}

cgroup_dirs() { # CG_DIRS: the directories of process $1's memory and pids groups, own group first, one a line
    CG_DIRS=
    while IFS= read -r cg_line; do
        cg_path=${cg_line#*:*:}
        case $cg_line in
        0::*) set -- "$1" /sys/fs/cgroup /sys/fs/cgroup/unified ;;
        *:memory:* | *:*,memory:* | *:memory,*) set -- "$1" /sys/fs/cgroup/memory ;;
        *:pids:* | *:*,pids:* | *:pids,*) set -- "$1" /sys/fs/cgroup/pids ;;
        *) continue ;;
        esac
        shift_pid=$1
        shift
        for cg_root in "$@"; do
            if [ ! -e "$cg_root/cgroup.procs" ] && ! locate "$cg_root/cgroup.procs"; then continue; fi
            cg_at=$cg_path
            while [ -n "$cg_at" ]; do
                CG_DIRS=$CG_DIRS$cg_root${cg_at%/}$NL
                cg_at=${cg_at%/*}
            done
        done
        set -- "$shift_pid"
    done 2>/dev/null <"/proc/$1/cgroup"
}

cgroup_files() { # CG_FILES: the files of CG_DIRS worth having, one a line; $1 is "few" for those of each sample
    CG_FILES=
    cg_names="memory.current memory.max memory.events memory.usage_in_bytes memory.limit_in_bytes memory.failcnt
        memory.oom_control pids.current pids.max pids.events"
    if [ "$1" != few ]; then
        cg_names="$cg_names memory.peak memory.high memory.events.local memory.stat memory.swap.max memory.pressure
        memory.swap.current memory.max_usage_in_bytes memory.kmem.limit_in_bytes memory.kmem.usage_in_bytes
        memory.kmem.failcnt memory.memsw.limit_in_bytes memory.memsw.failcnt memory.oom.group pids.peak cpu.max"
    fi
    cg_ifs=$IFS
    for cg_name in $cg_names; do
        IFS=$NL
        for cg_dir in $CG_DIRS; do
            if locate "$cg_dir/$cg_name"; then CG_FILES=$CG_FILES$LOCATED$NL; fi
        done
        IFS=$cg_ifs
    done
}

bundle_path() { # BUNDLE_PATH: where the host file $1 stands in the bundle
    BUNDLE_PATH=${1#/host}
    BUNDLE_PATH=${BUNDLE_PATH#/proc/[0-9]*/root}
    BUNDLE_PATH=${BUNDLE_PATH#/}
}

take_cgroup() { # of process $1, or of the directories found while it lived
    if [ -d "/proc/$1" ]; then cgroup_dirs "$1"; fi
    [ -n "$CG_DIRS" ] || return 0
    cgroup_files all
    cgroup_ifs=$IFS
    IFS=$NL
    for cgroup_file in $CG_FILES; do
        IFS=$cgroup_ifs
        bundle_path "$cgroup_file"
        take "$BUNDLE_PATH" 5 cat "$cgroup_file"
        IFS=$NL
    done
    IFS=$cgroup_ifs
}

elf_class() { # the path and class of process $1's program
    exe_path=$(readlink "/proc/$1/exe" 2>/dev/null)
    printf '%s\n' "${exe_path:-unknown}"
    exe_bytes=$(od -An -tx1 -N20 "/proc/$1/exe" 2>/dev/null)
    # shellcheck disable=SC2086 # one word a byte
    set -- $exe_bytes
    [ $# -ge 20 ] || return 1
    case $5 in 01) exe_class=32 ;; 02) exe_class=64 ;; *) return 1 ;; esac
    case ${19} in
    3e) exe_machine=x86-64 ;; 03) exe_machine=Intel-80386 ;; b7) exe_machine=aarch64 ;;
    28) exe_machine=ARM ;; 15) exe_machine=ppc64 ;; 16) exe_machine=s390x ;; f3) exe_machine=RISC-V ;;
    *) exe_machine="machine-0x${20}${19}" ;;
    esac
    printf '%s\n' "ELF $exe_class-bit, $exe_machine"
}

fd_types() { # counts an "ls -l" of a descriptor folder by type
    fd_files=0 fd_deleted=0 fd_sockets=0 fd_pipes=0 fd_anon=0 fd_devices=0
    while IFS= read -r fd_line; do
        case $fd_line in *' -> '*) ;; *) continue ;; esac
        case ${fd_line##* -> } in
        socket:*) fd_sockets=$((fd_sockets + 1)) ;;
        pipe:*) fd_pipes=$((fd_pipes + 1)) ;;
        anon_inode:*) fd_anon=$((fd_anon + 1)) ;;
        /dev/*) fd_devices=$((fd_devices + 1)) ;;
        *' (deleted)') fd_deleted=$((fd_deleted + 1)) ;;
        *) fd_files=$((fd_files + 1)) ;;
        esac
    done <"$1"
    printf '%s %s\n' file "$fd_files" deleted "$fd_deleted" socket "$fd_sockets" pipe "$fd_pipes" anon_inode "$fd_anon" device "$fd_devices"
}

count_fds() { # FDS of process $1: the names in its fd folder, counted without a fork
    FDS=
    set -- "/proc/$1/fd/"*
    if [ -h "$1" ]; then FDS=$#; fi
}

fd_count() {
    count_fds "$1"
    [ -n "$FDS" ] || return 1
    printf '%s\n' "$FDS"
}

split_command() { # process $1's arguments, one a line
    tr '\000' '\n' <"/proc/$1/cmdline"
}

take_process() { # everything of process $1, as it stands now
    for process_file in maps status limits stat statm cgroup comm oom_score_adj oom_score; do
        take "proc/$1/$process_file" 30 cat "/proc/$1/$process_file"
    done
    take_masked "proc/$1/cmdline" 10 mask_command split_command "$1"
    take "proc/$1/exe.txt" 10 elf_class "$1"
    take "proc/$1/fd_count.txt" 20 fd_count "$1"
    take_masked "proc/$1/fd_types.txt" 60 fd_types ls -l "/proc/$1/fd"
    if [ -r "/proc/$1/smaps_rollup" ]; then take "proc/$1/smaps_rollup" 10 cat "/proc/$1/smaps_rollup"; fi
    [ "$DRY" = 1 ] || identity "$1"
}

identity() { # PROCESS: who process $1 is, for capture.json; NSPIDS is its number in every namespace
    NSPIDS=
    while read -r identity_key identity_value; do
        case $identity_key in NSpid:) NSPIDS=$identity_value ;; esac
    done 2>/dev/null <"/proc/$1/status"
    identity_list=
    for identity_pid in $NSPIDS; do identity_list="$identity_list${identity_list:+, }$identity_pid"; done
    stat_of "$1" || return 0
    identity_comm=
    read -r identity_comm 2>/dev/null <"/proc/$1/comm"
    quote "$identity_comm"
    seconds $((STARTTIME * 100 / TICKS))
    PROCESS="{\"pid\": $1, \"nspid\": [$identity_list], \"comm\": $J, \"start_ticks\": $STARTTIME"
    iso $((STARTTIME * 100 / TICKS))
    PROCESS="$PROCESS, \"started\": \"$ISO\"}"
}

# --------------------------------------------------------------------------------------------- the watch
#
# Measured: a shell that counts the lines of maps itself needs 30 us a line, and bash, which seeks back
# after each, 86 s for 16,000 lines. One program that copies and one that counts the copy need 17 ms for
# them, and 4 ms for 1,500. So the loop reads statm with builtins (20 us, no fork), and only when the size
# of the address space moved, or after a second, one "tail" copies maps with all that must be of the same
# moment, and one "grep" counts. What is counted is what is kept. Three slots turn: the highest, the
# latest, and the one being written.
# Settings under /proc/sys are never read with "read": it asks for one byte at a time, and after the
# first the kernel says end of file ("6" for 65530).

has_vsyscall() { # whether the copy of maps $1 lists [vsyscall], which the kernel does not count
    while IFS= read -r vsyscall_line; do
        case $vsyscall_line in *'[vsyscall]') return 0 ;; esac
    done 2>/dev/null <"$1"
    return 1
}

start_life() { # what stays the same over the life of $PID
    LIFE=$CTL/lives/$PID
    LIVES_SEEN=$((LIVES_SEEN + 1))
    LIFE_SAMPLES=0
    LIFE_HIGHEST=0
    LAST_PAGES=
    LAST_CS=0
    CG_DIRS=
    FD_CS=0
    FDS=
    now
    LIFE_CS=$CS
    MOVED_CS=$CS
    stat_of "$PID"
    LIFE_START=$STARTTIME
    PROCESS=
    identity "$PID"
    LIFE_WHO=${PROCESS:-{\"pid\": $PID\}}
    if [ "$FORKS" = 1 ]; then mkdir -p "$LIFE"; fi
    [ -d "$LIFE" ] || LIFE=$W
    for life_file in limits cgroup comm oom_score_adj; do slurp "/proc/$PID/$life_file" "$LIFE/$life_file"; done
    cgroup_dirs "$PID"
    cgroup_files few
    SAMPLED="/proc/sys/vm/max_map_count$NL/proc/$PID/maps$NL/proc/$PID/status$NL/proc/$PID/stat$NL/proc/meminfo$NL$CG_FILES"
    [ "$MAPS_KEPT" = 1 ] || without_maps
    if [ "$FORKS" = 1 ]; then
        life_details 2>/dev/null 3>&- &
        list_in_container
    fi
}

life_details() { # what needs processes of its own, beside the loop so as not to miss a sample
    trap - EXIT
    split_command "$PID" >"$LIFE/.raw"
    mask_command "$LIFE/.raw" >"$LIFE/cmdline"
    rm -f "$LIFE/.raw"
    elf_class "$PID" >"$LIFE/exe.txt"
}

end_life() {
    now
    iso "$LIFE_CS"
    life_first=$ISO
    iso "$LAST_CS"
    LIVES="$LIVES${LIVES:+,$NL    }{\"process\": $LIFE_WHO, \"first_seen\": \"$life_first\", \"last_seen\": \"$ISO\", \"ended\": $1"
    LIVES="$LIVES, \"samples\": $LIFE_SAMPLES, \"highest\": $LIFE_HIGHEST}"
}

free_slot() {
    for slot in A B C; do
        if [ "$slot" != "$PEAK" ] && [ "$slot" != "$LAST" ]; then break; fi
    done
    S=$CTL/slots/$slot
}

slurp_sample() { # FILES, as "tail -n +1 FILES" prints them, with builtins only; settings cannot be read so
    for sample_file in "$@"; do
        case $sample_file in /proc/sys/*) [ -n "${BASH_VERSION:-}" ] || continue ;; esac
        printf '==> %s <==\n' "$sample_file"
        show "$sample_file"
    done
}

count_lines() { # COUNT: the lines of maps in the copy $1
    COUNT=0
    if [ "$FORKS" = 1 ] && [ "$GREP" = 1 ]; then
        COUNT=$(grep -c '^[0-9a-f]*-[0-9a-f]* [r-]' "$1")
        COUNT=$((COUNT))
        return
    fi
    while IFS= read -r count_line; do
        case $count_line in [0-9a-f]*-[0-9a-f]*\ [r-]*) COUNT=$((COUNT + 1)) ;; esac
    done <"$1"
}

sample() { # one full sample of $PID into a free slot; returns 1 when the process is gone
    SAMPLE_CS=$CS
    free_slot
    sample_ifs=$IFS
    IFS=$NL
    # shellcheck disable=SC2086 # one path a line
    set -- $SAMPLED
    IFS=$sample_ifs
    if [ "$FORKS" = 1 ]; then bounded 10 "$S" tail -n +1 "$@"; else slurp_sample "$@" >"$S"; fi
    if [ "$MAPS_KEPT" = 1 ]; then count_lines "$S"; else count_lines "/proc/$PID/maps"; fi
    # Three copies of 130 bytes a line must fit.
    if [ "$MAPS_KEPT" = 1 ] && [ $((COUNT * 400)) -gt "$BUDGET" ]; then
        MAPS_KEPT=0
        without_maps
        note "process $PID has more mappings than --max-size can hold: from here on they are counted, not kept"
    fi
    if [ "$COUNT" = 0 ]; then
        stat_of "$PID"
        if [ -z "$STARTTIME" ] || [ "$STARTTIME" != "$LIFE_START" ] || [ "$STATE" = Z ] || [ -r "/proc/$PID/fd" ]; then return 1; fi
        cannot_read
    elif [ "$VSYSCALL" = 1 ]; then COUNT=$((COUNT - 1)); fi
    limit=
    { read -r limit_head && read -r limit; } 2>/dev/null <"$S"
    case $limit_head in *max_map_count*) ;; *) limit= ;; esac
    is_number "$limit" || limit=
    # A large table of descriptors takes 1 us each to count: then not at every sample.
    if [ "${FDS:-0}" -le 4000 ] || [ $((CS - FD_CS)) -ge 50 ]; then
        count_fds "$PID"
        FD_CS=$CS
    fi
    iso "$SAMPLE_CS"
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$ISO" "$PID" "$COUNT" "${limit:--}" "$((pages * PAGE_KB))" "${FDS:--}" >>"$COUNTS"
    keep_highest
    now
    SAMPLE_COST=$((CS - SAMPLE_CS))
    SAMPLE_TIME=$((SAMPLE_TIME + SAMPLE_COST))
}

without_maps() { SAMPLED=${SAMPLED%%"$NL"*}$NL${SAMPLED#*/maps"$NL"}; }

cannot_read() {
    if [ "$DENIED" = 0 ]; then
        DENIED=1
        first_error
        note "the mappings of process $PID cannot be read (${ERROR:-no reason given}): run this as root"
    fi
}

keep_highest() { # the slot just written is the latest, and perhaps the highest
    SAMPLES=$((SAMPLES + 1))
    LIFE_SAMPLES=$((LIFE_SAMPLES + 1))
    LAST=$slot
    LAST_PID=$PID
    LAST_COUNT=$COUNT
    LAST_ISO=$ISO
    LAST_SAMPLE=$SAMPLE_CS
    LAST_LIMIT=$limit
    LAST_FDS=$FDS
    RISING=0
    if [ "$COUNT" -gt "$LIFE_HIGHEST" ]; then
        LIFE_HIGHEST=$COUNT
        RISING=1
    fi
    if [ "$COUNT" -ge "$PEAK_COUNT" ]; then
        PEAK=$slot
        PEAK_PID=$PID
        PEAK_COUNT=$COUNT
        PEAK_ISO=$ISO
        PEAK_CS=$SAMPLE_CS
        PEAK_LIMIT=$limit
        PEAK_FDS=$FDS
    fi
}

follow() { # one turn of the loop; returns 1 when the process is gone
    pages=0
    read -r pages _ 2>/dev/null <"/proc/$PID/statm"
    [ "${pages:-0}" -gt 0 ] || return 1
    now
    if [ "$pages" = "$LAST_PAGES" ] && [ $((CS - LAST_CS)) -lt 100 ]; then
        pause 1
        return 0
    fi
    if [ "$pages" != "$LAST_PAGES" ]; then MOVED_CS=$CS; fi
    stat_of "$PID"
    [ "$STARTTIME" = "$LIFE_START" ] || return 1
    LAST_PAGES=$pages
    LAST_CS=$CS
    sample || return 1
    # Near the limit, and while the count climbs, go on at once: the peak lasts a fraction of a second.
    if [ "$RISING" = 1 ] && [ $((COUNT * 2)) -ge "${limit:-65530}" ]; then return 0; fi
    if [ "$SAMPLE_COST" -lt 2 ]; then SAMPLE_COST=2; fi
    if [ "$SAMPLE_COST" -gt 100 ]; then SAMPLE_COST=100; fi
    pause "$SAMPLE_COST"
}

watched_enough() { # two deaths with the limit reached, or four in all
    if [ "$STOP" = 1 ] || [ "$CS" -ge "$WATCH_END" ]; then return 0; fi
    if [ "$DEATHS" -ge 4 ]; then return 0; fi
    [ "$DEATHS" -ge 2 ] && [ "$PEAK_COUNT" -ge "${PEAK_LIMIT:-0}" ]
}

watch() {
    PHASE=watch
    now
    WATCH_END=$((CS + WATCH * 100))
    say "watching $TARGET for at most $WATCH s; Ctrl-C ends the watch and packs what was caught"
    after=0
    while ! watched_enough; do
        now
        if [ -z "$PID" ] && ! find_process "$after"; then
            if [ "$WAITING" = 0 ]; then say "no process now, waiting for it to start"; fi
            WAITING=1
            pause 5
            continue
        fi
        if [ "$PID" != "$LIFE_PID" ]; then
            WAITING=0
            LIFE_PID=$PID
            start_life
        fi
        follow && continue
        end_life true
        # An end of which nothing was seen (a busy machine) tells nothing.
        if [ "$LIFE_SAMPLES" -gt 0 ]; then DEATHS=$((DEATHS + 1)); fi
        now
        say "process $PID ended; highest count $LIFE_HIGHEST, $LIFE_SAMPLES samples"
        # A successor is younger than the last sight of this one (start times are that coarse).
        if [ "$LAST_CS" -lt "$LIFE_CS" ]; then LAST_CS=$LIFE_CS; fi
        after=$((LAST_CS - 5))
        PID=
        LIFE_PID=
        WAITING=0
    done
    if [ -n "$LIFE_PID" ]; then end_life false; fi
    PHASE=run
    if [ "$DEATHS" = 0 ] && [ "$STOP" = 0 ]; then
        if [ "$LIVES_SEEN" = 0 ]; then note "no process was seen in $WATCH s: watched for $TARGET"; else
            note "the process did not end in $WATCH s"
        fi
    fi
}

split_sample() { # FILE FOLDER: what one "tail" printed, as the files that it came from
    split_lines=$(wc -l <"$1")
    split_from=
    {
        grep -n '^==> /.* <==$' "$1"
        printf '%s:==> / <==\n' $((split_lines + 2))
    } >"$CTL/heads"
    while IFS= read -r split_head; do
        split_at=${split_head%%:*}
        if [ -n "$split_from" ]; then
            bundle_path "$split_path"
            mkdir -p "$2/${BUNDLE_PATH%/*}"
            # The blank line before a heading is tail's own.
            tail -n +"$split_from" "$1" 2>/dev/null | head -n $((split_at - split_from - 1)) >"$2/$BUNDLE_PATH"
            [ -s "$2/$BUNDLE_PATH" ] || rm -f "$2/$BUNDLE_PATH"
        fi
        split_from=$((split_at + 1))
        split_path=${split_head#*==> }
        split_path=${split_path%' <=='}
    done <"$CTL/heads"
    rm -f "$CTL/heads"
}

keep_slot() { # SLOT PID CS FDS NAME: a slot becomes series/NAME, with what was taken of that life
    keep_life=$CTL/lives/$2
    keep_to=$W/series/$5
    mkdir -p "$keep_to/proc/$2"
    split_sample "$CTL/slots/$1" "$keep_to"
    iso "$3"
    printf '%s\n' "$ISO" >"$keep_to/date"
    if [ -n "$4" ]; then printf '%s\n' "$4" >"$keep_to/proc/$2/fd_count.txt"; fi
    for keep_file in limits cgroup comm oom_score_adj cmdline exe.txt; do
        if [ -s "$keep_life/$keep_file" ]; then cp "$keep_life/$keep_file" "$keep_to/proc/$2/$keep_file"; fi
    done
    find "$keep_to" -type f >"$CTL/kept"
    while IFS= read -r keep_file; do
        bytes_of "$keep_file"
        TOTAL=$((TOTAL + ${BYTES:-0}))
        row "${keep_file#"$W/"}" "sample of ${keep_file#"$keep_to"}" "$3" 0 "$BYTES" "" "$(($3 + SAMPLE_TIME / SAMPLES))"
    done <"$CTL/kept"
    rm -f "$CTL/kept"
}

keep_series() {
    [ "$SAMPLES" -gt 0 ] || return 0
    bytes_of "$COUNTS"
    now
    row series/counts.tsv "samples of the mappings" "$CS" 0 "$BYTES" ""
    if [ "$PEAK_COUNT" -gt 0 ]; then keep_slot "$PEAK" "$PEAK_PID" "$PEAK_CS" "$PEAK_FDS" peak; fi
    if [ "$LAST_COUNT" -gt 0 ]; then keep_slot "$LAST" "$LAST_PID" "$LAST_SAMPLE" "$LAST_FDS" last; fi
}

# ----------------------------------------------------------------------------------------------- the host

sysctl_all() { # sysctl -a; where it is missing, the part of /proc/sys that matters
    if have sysctl; then
        sysctl -a 2>/dev/null
        return
    fi
    for sysctl_file in /proc/sys/vm/* /proc/sys/kernel/*max* /proc/sys/fs/* /proc/sys/fs/*/*; do
        [ -f "$sysctl_file" ] || continue
        sysctl_value=$(cat "$sysctl_file" 2>/dev/null) || continue
        sysctl_name=${sysctl_file#/proc/sys/}
        while :; do
            case $sysctl_name in */*) sysctl_name=${sysctl_name%%/*}.${sysctl_name#*/} ;; *) break ;; esac
        done
        printf '%s = %s\n' "$sysctl_name" "$sysctl_value"
    done
}

mask_sysctl() { # network secrets stand among the kernel's settings
    while IFS= read -r mask_line; do
        case $mask_line in *secret*) continue ;; esac
        printf '%s\n' "$mask_line"
    done <"$1"
}

thp() {
    for thp_file in enabled defrag shmem_enabled khugepaged/defrag khugepaged/max_ptes_none; do
        thp_value=
        if read -r thp_value 2>/dev/null <"/sys/kernel/mm/transparent_hugepage/$thp_file"; then
            printf '%s: %s\n' "$thp_file" "$thp_value"
        fi
    done
}

inotify() {
    for inotify_file in max_user_instances max_user_watches max_queued_events; do
        inotify_value=$(cat "/proc/sys/fs/inotify/$inotify_file" 2>/dev/null) || continue
        printf 'fs.inotify.%s = %s\n' "$inotify_file" "$inotify_value"
    done
}

boot_time() {
    while read -r boot_key boot_value; do
        case $boot_key in btime) printf 'btime %s\n' "$boot_value" ;; esac
    done </proc/stat
}

processes() { # who else uses memory and threads; names only, since command lines hold secrets
    printf 'pid\tcomm\tstate\tppid\tthreads\tvsize_bytes\trss_pages\n'
    for processes_dir in /proc/[0-9]*; do
        processes_line=
        read -r processes_line 2>/dev/null <"$processes_dir/stat" || continue
        processes_comm=${processes_line#*(}
        processes_comm=${processes_comm%)*}
        # shellcheck disable=SC2086 # split into fields on purpose
        set -- ${processes_line##*) }
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${processes_dir#/proc/}" "$processes_comm" "$1" "$2" "${18}" "${21}" "${22}"
    done
}

clock_state() { # how far this clock is off, by whoever keeps it
    if have chronyc && chronyc -n tracking 2>/dev/null; then return 0; fi
    if have timedatectl && timedatectl timesync-status 2>/dev/null; then return 0; fi
    if have ntpq && ntpq -pn 2>/dev/null; then return 0; fi
    if have timedatectl; then timedatectl show 2>/dev/null; return; fi
    printf '%s\n' "unknown: no chronyc, timedatectl or ntpq here"
    return 1
}

read_offset() { # CLOCK_OFFSET in seconds, where chrony or systemd-timesyncd tell it; positive: this clock is ahead
    CLOCK_OFFSET=null
    while IFS= read -r offset_line; do
        case $offset_line in
        'System time '*' seconds '*)
            offset_value=${offset_line#*: }
            offset_sign=
            case $offset_line in *slow*) offset_sign=- ;; esac
            offset_value=${offset_value%% *}
            ;;
        *Offset:\ [-+]*us | *Offset:\ [-+]*ms)
            # timesyncd tells how far the server is ahead.
            offset_value=${offset_line##*Offset: }
            offset_sign=-
            case $offset_value in -*) offset_sign= ;; esac
            offset_value=${offset_value#[-+]}
            case $offset_value in
            *us) offset_value=${offset_value%us}e-6 ;;
            *ms) offset_value=${offset_value%ms}e-3 ;;
            esac
            ;;
        *) continue ;;
        esac
        case $offset_value in
        '' | *[!0-9.e-]*) ;;
        *) CLOCK_OFFSET=$offset_sign$offset_value ;;
        esac
    done 2>/dev/null <"$W/host/clock"
}

take_sysctl_files() {
    for sysctl_conf in /etc/sysctl.conf /etc/sysctl.d/* /run/sysctl.d/* /usr/local/lib/sysctl.d/* /usr/lib/sysctl.d/*; do
        for sysctl_root in "" /host /proc/1/root; do
            if [ -f "$sysctl_root$sysctl_conf" ]; then
                take "host/sysctl.d$sysctl_conf" 5 cat "$sysctl_root$sysctl_conf"
                break
            fi
        done
    done
}

take_host() {
    take host/date 5 date -u '+%Y-%m-%dT%H:%M:%SZ'
    take host/uptime 5 cat /proc/uptime
    take host/btime 5 boot_time
    take host/clock 15 clock_state
    for host_file in meminfo vmstat slabinfo buddyinfo swaps loadavg version; do
        if [ -r "/proc/$host_file" ]; then take "host/$host_file" 10 cat "/proc/$host_file"; fi
    done
    take host/file-nr 5 cat /proc/sys/fs/file-nr
    take host/max_map_count 5 cat /proc/sys/vm/max_map_count
    take host/inotify 5 inotify
    take host/thp 5 thp
    if [ -r /proc/pressure/memory ]; then take host/pressure/memory 5 cat /proc/pressure/memory; fi
    take_masked host/sysctl_-a 30 mask_sysctl sysctl_all
    take_sysctl_files
    take host/processes.tsv 30 processes
    take host/df 20 df -k
    take host/df_-i 20 df -i
    take host/uname 5 uname -a
    take host/hostname 5 cat /proc/sys/kernel/hostname
    if locate /etc/os-release; then take host/os-release 5 cat "$LOCATED"; fi
    # Both at once: their difference dates the seconds since boot.
    if ! take host/dmesg 20 dmesg && [ "$DRY" = 0 ]; then
        note "the kernel log cannot be read ($ERROR): run this as root"
        if have journalctl; then take host/journalctl_-k 30 journalctl -k -b -n 20000 --no-pager -o short-iso; fi
    fi
    take host/dmesg_-T 20 dmesg -T
}

# ------------------------------------------------------------------------- logs, data, configuration, pod

log_file() { # $1 as seen here, $2 its name in the bundle: whole, or its first MB and its last 200
    if [ "$DRY" = 1 ]; then plan "logs$2" "cat $1"; return 0; fi
    now
    log_start=$CS
    bytes_of "$1"
    log_size=${BYTES:-0}
    log_room=$((BUDGET - TOTAL))
    if [ "$log_room" -gt "$LOG_MOST" ]; then log_room=$LOG_MOST; fi
    if [ "$log_size" -le "$log_room" ]; then take "logs$2" 120 cat "$1"; return; fi
    if [ "$log_room" -lt 2000000 ]; then
        row "logs$2" "cat $1" "$log_start" "" "" "left out: $log_size bytes do not fit --max-size"
        note "log $1 was left out: --max-size is used up"
        return 1
    fi
    take "logs$2.head" 60 head -c 1000000 "$1"
    take "logs$2" 120 tail -c $((log_room - 1000000)) "$1"
    row "logs$2" "tail of $1" "$log_start" 0 $((log_room - 1000000)) "cut: the middle of $log_size bytes was left out"
    note "log $1 was cut: its first MB and last $((log_room / 1000000)) MB of $((log_size / 1000000)) MB are in the bundle"
}

take_log() { # a file with its rotated neighbours, or a folder
    if ! locate "$1"; then
        note "log $1: no such file here"
        return 1
    fi
    log_at=$LOCATED
    log_prefix=${log_at%"$1"}
    if [ -d "$log_at" ]; then
        for log_item in "$log_at"/* "$log_at"/*/*; do
            if [ -f "$log_item" ]; then log_file "$log_item" "${log_item#"$log_prefix"}"; fi
        done
        return 0
    fi
    log_file "$log_at" "$1"
    for log_item in "$log_at".[0-9] "$log_at".[0-9].gz "$log_at"-[0-9]*; do
        if [ -f "$log_item" ]; then log_file "$log_item" "${log_item#"$log_prefix"}"; fi
    done
}

take_log_command() { # NUMBER COMMAND
    mask_text "$2"
    log_shown=$MASKED
    if [ "$DRY" = 1 ]; then plan "logs/command-$1.log" "$log_shown"; return 0; fi
    room || return 1
    now
    log_start=$CS
    folder logs/
    bounded 120 "$W/logs/command-$1.log" sh -c "$2"
    finish "logs/command-$1.log" "$log_shown" "$log_start"
    if [ "${BYTES:-0}" = 0 ]; then note "the log command gave nothing: ${ERROR:-no output}"; fi
}

pod_of() { # POD_UID and CONTAINER_ID from the directories of the cgroup
    POD_UID=
    CONTAINER_ID=
    UNIT=
    case $CG_DIRS in
    *pod????????[-_]????[-_]????[-_]????[-_]????????????*)
        pod_rest=${CG_DIRS#*pod}
        while :; do
            case $pod_rest in
            ????????[-_]????[-_]????[-_]????[-_]????????????*) break ;;
            *pod*) pod_rest=${pod_rest#*pod} ;;
            *) pod_rest= && break ;;
            esac
        done
        pod_rest=${pod_rest%"${pod_rest#????????????????????????????????????}"}
        while :; do
            case $pod_rest in *_*) pod_rest=${pod_rest%%_*}-${pod_rest#*_} ;; *) break ;; esac
        done
        POD_UID=$pod_rest
        ;;
    */docker[-/]*)
        pod_rest=${CG_DIRS#*/docker[-/]}
        CONTAINER_ID=${pod_rest%%[!0-9a-f]*}
        ;;
    *.service*)
        pod_rest=${CG_DIRS%%.service*}.service
        UNIT=${pod_rest##*/}
        ;;
    esac
}

take_found_logs() { # logs that nobody named but the process's group leads to
    pod_of
    [ -z "$LOGS$LOG_COMMANDS" ] || return 0
    if [ -n "$POD_UID" ]; then
        for found_root in "" /host /proc/1/root; do
            for found_dir in "$found_root"/var/log/pods/*_"$POD_UID"; do
                if [ -d "$found_dir" ]; then take_log "${found_dir#"$found_root"}"; return; fi
            done
        done
    elif [ -n "$CONTAINER_ID" ]; then
        found_log=/var/lib/docker/containers/$CONTAINER_ID/$CONTAINER_ID-json.log
        if locate "$found_log"; then take_log "$found_log"; fi
    elif [ -n "$UNIT" ]; then
        if have journalctl; then take "logs/journalctl_-u_$UNIT" 60 journalctl -u "$UNIT" -n 200000 --no-pager -o short-iso; fi
        if have systemctl; then
            take "host/systemctl_show_$UNIT" 10 systemctl show "$UNIT" -p LimitNOFILE,LimitAS,LimitDATA,LimitNPROC,LimitMEMLOCK,TasksMax,MemoryMax,MemoryHigh,Restart,NRestarts,Result,ExecMainStatus,ExecMainCode
        fi
    fi
}

list_tree() { # FOLDER NAME: size and path of all below FOLDER, under NAME; no file is opened
    cd "$1" || return 1
    if find . -maxdepth 0 -printf '' 2>/dev/null; then
        list_name=
        list_left=$2
        while :; do
            case $list_left in *%*) list_name="$list_name${list_left%%\%*}%%" list_left=${list_left#*%} ;; *) break ;; esac
        done
        exec find . -xdev -printf "%s $list_name$list_left/%P\n"
    fi
    if stat -c %s / >/dev/null 2>&1; then
        find . -xdev -exec stat -c '%s %n' {} + 2>/dev/null || find . -exec stat -c '%s %n' {} \;
    else
        ls -lanR .
        return
    fi | while IFS= read -r list_line; do
        printf '%s\n' "${list_line%% *} $2${list_line#* .}"
    done
}

list_in_container() { # a data directory that only the process's own mounts show is listed while it lives
    [ "$LISTED" = 0 ] && [ -n "$DATA_DIRS" ] || return 0
    LISTED=1
    list_ifs=$IFS
    IFS=$NL
    for list_dir in $DATA_DIRS; do
        IFS=$list_ifs
        if [ ! -d "$list_dir" ] && [ -d "/proc/$PID/root$list_dir" ]; then
            mkdir -p "$W/data"
            list_tree "/proc/$PID/root$list_dir" "$list_dir" >>"$W/data/find_data" 2>/dev/null </dev/null 3>&- &
            LISTER=$!
        fi
        IFS=$NL
    done
    IFS=$list_ifs
}

take_shipped() { # FOLDER PREFIX: which blocks are in the bucket, by tenant
    if [ "$DRY" = 1 ]; then plan "$2/TENANT/thanos.shipper.json" "cat $1/*/thanos.shipper.json"; return 0; fi
    shipped=0
    now
    shipped_start=$CS
    for shipped_file in "$1"/thanos.shipper.json "$1"/*/thanos.shipper.json; do
        [ -f "$shipped_file" ] || continue
        shipped_to=$2${shipped_file#"$1"}
        folder "$shipped_to"
        slurp "$shipped_file" "$W/$shipped_to"
        shipped=$((shipped + 1))
    done
    row "$2" "cat thanos.shipper.json of $shipped tenants" "$shipped_start" 0 "" ""
}

take_data() { # NUMBER DIR
    data_name=data
    if [ "$1" -gt 1 ]; then data_name=data-$1; fi
    if ! locate "$2"; then
        if [ -s "$W/data/find_data" ]; then
            now
            row data/find_data "find $2 (through the process, while it lived)" "$CS" 0 "" ""
            return 0
        fi
        note "data directory $2: not found here, nor through a living process"
        return 1
    fi
    data_at=$LOCATED
    take "$data_name/find_data" 180 list_tree "$data_at" "$2"
    take_shipped "$data_at" "$data_name/shipper"
}

take_config() {
    if ! locate "$1"; then
        note "configuration $1: no such file here"
        return 1
    fi
    bytes_of "$LOCATED"
    if [ "${BYTES:-0}" -gt 4000000 ]; then
        note "configuration $1 was left out: larger than 4 MB"
        return 1
    fi
    take_masked "config/${1##*/}" 20 mask_config cat "$LOCATED"
}

take_metrics() { # NAME
    mask_urls "$METRICS"
    if have curl; then set -- "$1" curl -fsS --max-time 20 --max-filesize 100000000; elif have wget; then
        set -- "$1" wget -q -T 20 -O -
    else
        note "metrics: neither curl nor wget here"
        return 1
    fi
    if [ "$DRY" = 1 ]; then plan "metrics/$1" "$2 $MASKED"; return 0; fi
    metrics_name=$1
    metrics_shown="$2 $MASKED"
    shift
    room || return 1
    now
    metrics_start=$CS
    folder metrics/
    bounded 30 "$W/metrics/$metrics_name" "$@" "$METRICS"
    finish "metrics/$metrics_name" "$metrics_shown" "$metrics_start" || say "metrics: $ERROR"
}

kube_log() { # CONTAINER FILE FLAGS...: a container's log; kubelet keeps only its newest part
    kube_container=$1
    kube_to=$2
    shift 2
    take "kubernetes/logs/$kube_to" 180 "$KUBECTL" logs -n "$NAMESPACE" "$POD" -c "$kube_container" --limit-bytes="$LOG_MOST" "$@"
}

take_kubernetes() {
    NAMESPACE=${KUBERNETES%%/*}
    POD=${KUBERNETES#*/}
    KUBECTL=kubectl
    have kubectl || KUBECTL=oc
    if ! have "$KUBECTL"; then
        note "kubernetes: no kubectl here; run the script with --kubernetes where kubectl works"
        return 1
    fi
    if ! take_masked kubernetes/pod.json 60 mask_object "$KUBECTL" get pod "$POD" -n "$NAMESPACE" -o json; then
        note "kubernetes: cannot read pod $KUBERNETES: $ERROR"
        return 1
    fi
    take kubernetes/events.json 60 "$KUBECTL" get events -n "$NAMESPACE" --field-selector "involvedObject.name=$POD" -o json
    if [ "$DRY" = 1 ]; then
        plan kubernetes/node.json "$KUBECTL get node NODE -o json (masked)"
        plan kubernetes/logs/CONTAINER.log "$KUBECTL logs -c CONTAINER, of each container"
        plan kubernetes/logs/CONTAINER-previous.log "$KUBECTL logs -c CONTAINER --previous, of each container"
        return 0
    fi
    bounded 60 "$CTL/names" "$KUBECTL" get pod "$POD" -n "$NAMESPACE" -o \
        'jsonpath={.spec.nodeName}{"\n"}{range .spec.initContainers[*]}{.name}{"\n"}{end}{range .spec.containers[*]}{.name}{"\n"}{end}'
    NODE=
    while IFS= read -r kube_name; do
        [ -n "$kube_name" ] || continue
        if [ -z "$NODE" ]; then
            NODE=$kube_name
            take_masked kubernetes/node.json 60 mask_object "$KUBECTL" get node "$NODE" -o json
            continue
        fi
        kube_log "$kube_name" "$kube_name.log"
        # Without a previous life kubectl fails, which is an answer too: it stands in the manifest.
        kube_log "$kube_name" "$kube_name-previous.log" --previous
    done <"$CTL/names"
    rm -f "$CTL/names"
}

# ------------------------------------------------------------------------------------------- the bundle

write_capture() { # the marker of the bundle: what was asked, when, of whom, and what could not be done
    now
    iso "$CS"
    quote "$HOST"
    {
        printf '{\n  "marker": "ingester-postmortem-capture",\n  "format": 1,\n'
        printf '  "tool": "collect.sh",\n  "version": "%s",\n  "host": %s,\n' "$VERSION" "$J"
        printf '  "started": "%s",\n  "ended": "%s",\n' "$STARTED" "$ISO"
        printf '  "options": {%s},\n' "$OPTIONS_JSON"
        seconds "$START_CS"
        capture_cost=0
        if [ "$SAMPLES" -gt 0 ]; then capture_cost=$((SAMPLE_TIME * 10 / SAMPLES)); fi
        printf '  "uptime_at_start": %s,\n  "clock_precision": %s,\n  "clock_offset": %s,\n' "$SECONDS_TEXT" "$CLOCK_PRECISION" "${CLOCK_OFFSET:-null}"
        printf '  "process": %s,\n' "${PROCESS:-null}"
        printf '  "lives": [%s],\n' "$LIVES"
        printf '  "series": {"samples": %s, "deaths": %s, "milliseconds_per_sample": %s' "$SAMPLES" "$DEATHS" "$capture_cost"
        if [ "$PEAK_COUNT" -gt 0 ]; then
            printf ',\n    "peak": {"pid": %s, "time": "%s", "count": %s, "limit": %s}' "$PEAK_PID" "$PEAK_ISO" "$PEAK_COUNT" "${PEAK_LIMIT:-null}"
        fi
        if [ "$LAST_COUNT" -gt 0 ]; then
            printf ',\n    "last": {"pid": %s, "time": "%s", "count": %s, "limit": %s}' "$LAST_PID" "$LAST_ISO" "$LAST_COUNT" "${LAST_LIMIT:-null}"
        fi
        printf '},\n  "forks_failed": %s,\n  "notes": [%s]\n}\n' "$1" "$NOTES"
    } >"$W/capture.json"
}

pack() { # the folder becomes the archive, as far as tar and gzip are here
    pack_extension=.gz
    if ! have tar; then
        leave "tar is missing here"
        return 1
    fi
    PART=$CTL/bundle
    cd "$PARENT" || return 1
    bounded 600 "$CTL/tar" tar -czf "$PART" "$TOP"
    if [ "$RC" != 0 ] || [ ! -s "$PART" ]; then
        rm -f "$PART"
        bounded 600 "$CTL/tar" tar -cf "$PART" "$TOP"
        if [ "$RC" != 0 ]; then
            first_error
            leave "tar failed: $ERROR"
            return 1
        fi
        pack_extension=
        if have gzip && bounded 600 "$PART.gz" gzip -c "$PART" && [ "$RC" = 0 ]; then
            mv "$PART.gz" "$PART"
            pack_extension=.gz
        else
            say "gzip is missing here or failed: the bundle is not compressed"
        fi
    fi
    if [ "$OUTPUT" = - ]; then
        cat "$PART" >&3 || die 1 "standard output cannot be written"
        return 0
    fi
    if [ -z "$pack_extension" ]; then ARCHIVE=${ARCHIVE%.gz}; fi
    mv "$PART" "$ARCHIVE"
    bytes_of "$ARCHIVE"
    say "done: $ARCHIVE ($((BYTES / 1024)) KiB). Please send this file."
}

leave() { # WHY: the folder stays as the bundle
    KEEP=1
    say "$1: the bundle is left as the folder $W"
    say "please pack that folder elsewhere, or send it as it is"
}

cleanup() {
    for cleanup_pid in $CHILD $LISTER $DOG; do kill_tree "$cleanup_pid"; done
    # bash says of a job that was killed that it was, where it notices: here, where nobody hears it.
    if [ -n "$DOG" ]; then wait "$DOG"; fi 2>/dev/null
    [ "$MADE" = 1 ] || return 0
    rm -rf "$CTL"
    if [ "$KEEP" = 0 ]; then rm -rf "$W"; fi
}

on_interrupt() {
    SIGNALLED=1
    if [ "$PHASE" = watch ] && [ "$STOP" = 0 ]; then
        STOP=1
        say "stopping the watch; packing what was caught (Ctrl-C again gives up)"
        return
    fi
    on_signal 130
}

on_signal() {
    PHASE=over
    say "stopped; nothing is kept"
    exit "$1"
}

on_exit() {
    on_exit_status=$?
    trap '' ALRM
    if [ "$PHASE" = run ] || [ "$PHASE" = watch ]; then
        # No command of this script ends it here: a shell that cannot fork does.
        without_forks
        exit 1
    fi
    cleanup
    exit "$on_exit_status"
}

spare() { # FILE COPY: with builtins, and never over a file that is there
    [ -e "$2" ] || slurp "$1" "$2"
}

spare_slot() { # SLOT: a sample as files without folders, which the shell alone can write
    spare_to=/dev/null
    while IFS= read -r spare_line; do
        case $spare_line in
        '==> /'*' <==')
            spare_name=${spare_line#'==> /'}
            spare_name=${spare_name%' <=='}
            while :; do
                case $spare_name in */*) spare_name=${spare_name%%/*}_${spare_name#*/} ;; *) break ;; esac
            done
            spare_to=$W/series/$spare_name
            ;;
        ?*) printf '%s\n' "$spare_line" >>"$spare_to" ;;
        esac
    done <"$CTL/slots/$1"
}

spare_process() {
    spare_to=$W/proc/$PID/
    [ -d "$spare_to" ] || spare_to=$W/proc_${PID}_
    for spare_file in maps status limits stat cgroup comm oom_score_adj; do spare "/proc/$PID/$spare_file" "$spare_to$spare_file"; done
    cgroup_dirs "$PID"
    cgroup_files few
    spare_ifs=$IFS
    IFS=$NL
    # shellcheck disable=SC2086 # one path a line
    set -- $CG_FILES
    IFS=$spare_ifs
    # The process's own group comes first; those above it have the same names.
    for spare_file in "$@"; do spare "$spare_file" "$W/cgroup_${spare_file##*/}"; done
}

spare_host() {
    spare_to=$W/host/
    [ -d "$spare_to" ] || spare_to=$W/
    for spare_file in meminfo vmstat loadavg version; do spare "/proc/$spare_file" "$spare_to$spare_file"; done
    if [ -z "${BASH_VERSION:-}" ]; then
        note "this shell cannot read settings by itself; please send what this prints: sysctl vm kernel fs"
        return
    fi
    for spare_file in vm/max_map_count vm/overcommit_memory fs/file-nr kernel/threads-max kernel/pid_max; do
        spare "/proc/sys/$spare_file" "$spare_to${spare_file##*/}"
    done
}

without_forks() { # all that builtins can do, into folders that exist, when no process can be started
    FORKS=0
    KEEP=1
    for spare_pid in $CHILD $LISTER $DOG; do kill_tree "$spare_pid"; done
    spare_phase=$PHASE
    PHASE=spare
    [ "$MADE" = 1 ] || W=$PARENT
    note "the shell was stopped, most likely since no more processes can start (fork failed): the bundle is what the shell alone can read"
    if [ -z "$PID" ]; then first_process; fi
    if [ -n "$PID" ]; then spare_process; fi
    spare_host
    if [ "$spare_phase" = watch ] && [ -d "$CTL/slots" ]; then
        if [ "$WATCH" -gt 60 ]; then WATCH=60; fi
        LIFE_PID=
        watch
        PHASE=spare
        if [ -n "$PEAK" ]; then spare_slot "$PEAK"; fi
    fi
    if [ ! -e "$W/capture.json" ]; then write_capture true; fi
    say "left in $W: please send what is there, and run this again when processes can start"
    PHASE=over
}

# ------------------------------------------------------------------------------------------------- main

need_value() { [ "$2" -ge 2 ] || die 2 "$1 needs a value; see --help"; }

is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

absolute() { # ABSOLUTE: the path $1 from the root
    ABSOLUTE=$1
    case $1 in /*) ;; *) ABSOLUTE=$PWD/${1#./} ;; esac
}

record() { # NAME VALUE: an option as used, for capture.json
    mask_text "$2"
    quote "$MASKED"
    record_value=$J
    quote "$1"
    OPTIONS_JSON="$OPTIONS_JSON${OPTIONS_JSON:+, }$J: $record_value"
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
        --?*=*)
            parse_value=${1#*=}
            parse_name=${1%%=*}
            shift
            set -- "$parse_name" "$parse_value" "$@"
            ;;
        esac
        case $1 in
        --pid | --match | --container | --log | --log-command | --data | --config | --metrics | --kubernetes | --output | --max-size)
            need_value "$1" $#
            ;;
        esac
        case $1 in
        --pid) is_number "$2" || die 2 "--pid needs a number, not '$2'"; PID_ASKED=$2 ;;
        --match) MATCH=$2 ;;
        --container) CONTAINER=$2 ;;
        --log) absolute "$2" && LOGS=$LOGS$ABSOLUTE$NL ;;
        --log-command) LOG_COMMANDS=$LOG_COMMANDS$2$NL ;;
        --data) absolute "$2" && DATA_DIRS=$DATA_DIRS${ABSOLUTE%/}$NL ;;
        --config) absolute "$2" && CONFIGS=$CONFIGS$ABSOLUTE$NL ;;
        --metrics) METRICS=$2 ;;
        --kubernetes)
            case $2 in ?*/?*) KUBERNETES=$2 ;; *) die 2 "--kubernetes needs NAMESPACE/POD, not '$2'" ;; esac
            ;;
        --output) OUTPUT=$2 ;;
        --max-size) is_number "$2" || die 2 "--max-size needs a number of MB, not '$2'"; MAX_MB=$2 ;;
        --watch)
            WATCH=900
            if [ $# -ge 2 ] && is_number "$2"; then
                WATCH=$2
                shift
            fi
            record watch "$WATCH"
            shift
            continue
            ;;
        --dry-run) DRY=1 && shift && continue ;;
        --help | -h)
            usage
            PHASE=over
            exit 0
            ;;
        *) die 2 "unknown option '$1'; see --help" ;;
        esac
        record "${1#--}" "$2"
        shift 2
    done
}

place() { # HOST, and PARENT: the folder that the bundle is written into
    read -r HOST 2>/dev/null </proc/sys/kernel/hostname
    case $OUTPUT in
    -) PARENT=${TMPDIR:-/tmp} ;;
    '')
        PARENT=$PWD
        if [ ! -w "$PARENT" ] || [ "$PARENT" = / ]; then PARENT=/tmp; fi
        ;;
    */*) PARENT=${OUTPUT%/*} ;;
    *) PARENT=$PWD ;;
    esac
    if [ -n "$OUTPUT" ] && [ -d "$OUTPUT" ]; then
        PARENT=${OUTPUT%/}
        OUTPUT=
    fi
    case ${PARENT:=/} in /*) ;; *) PARENT=$PWD/$PARENT ;; esac
    [ -d "$PARENT" ] || die 2 "there is no folder $PARENT for the bundle; see --output"
}

name_bundle() { # TOP, W and ARCHIVE
    case $HOST in '' | *[!A-Za-z0-9._-]*) name_host=host ;; *) name_host=$HOST ;; esac
    name_stamp=${STARTED%.*}Z
    while :; do
        case $name_stamp in *[-:]*) name_stamp=${name_stamp%%[-:]*}${name_stamp#*[-:]} ;; *) break ;; esac
    done
    TOP=ingester-postmortem-$name_host-$name_stamp
    if [ -n "$OUTPUT" ]; then ARCHIVE=$PARENT/${OUTPUT##*/}; else ARCHIVE=$PARENT/$TOP.tar.gz; fi
    W=$PARENT/$TOP
}

make_room() { # the bundle's folder W, the scratch folder CTL, and how much they may hold
    if [ -e "$W" ]; then
        TOP=$TOP-$$
        W=$PARENT/$TOP
    fi
    CTL=$PARENT/.$TOP
    if ! mkdir "$W" "$CTL"; then
        PHASE=over
        die 1 "cannot write to $PARENT: name another place with --output"
    fi
    MADE=1
    mkdir -p "$CTL/slots" "$CTL/lives" "$W/host" "$W/series"
    printf '' >"$W/manifest.jsonl"
    printf '' >"$CTL/deadline"
    COUNTS=$W/series/counts.tsv
    printf 'time\tpid\tcount\tlimit\tvm_size_kb\tfds\n' >"$COUNTS"
    BUDGET=$((MAX_MB * 1000000))
    room_kb=$(df -Pk "$W" 2>/dev/null | while read -r _ _ _ room_free _; do
        case $room_free in '' | *[!0-9]*) ;; *) printf '%s' "$room_free" ;; esac
    done)
    # The folder and its archive stand side by side, and a full disk is worse than a small bundle.
    if is_number "$room_kb" && [ $((room_kb * 1024 / 3)) -lt "$BUDGET" ]; then
        BUDGET=$((room_kb * 1024 / 3))
        note "only $((room_kb / 1024)) MB are free in $PARENT: the bundle is held to $((BUDGET / 1000000)) MB"
        [ "$BUDGET" -ge 5000000 ] || die 1 "too little room in $PARENT: name another place with --output"
    fi
}

be_gentle() { # low priority, and the first to go when memory runs out
    printf 1000 2>/dev/null >/proc/self/oom_score_adj
    # At 19 the watch gets no turn on a busy machine just when the process fails: 19 comes after it.
    if have renice; then renice -n 2 -p $$ >/dev/null 2>&1; else note "renice is missing: normal priority"; fi
    if have ionice; then ionice -c 3 -p $$ >/dev/null 2>&1; fi
    FRACTIONS=0
    if sleep 0.01 2>/dev/null; then FRACTIONS=1; else note "sleep knows whole seconds only: samples are closer to each other or farther apart"; fi
    TICKS=$(getconf CLK_TCK 2>/dev/null) || TICKS=100
    is_number "$TICKS" || TICKS=100
    PAGE_KB=$(getconf PAGESIZE 2>/dev/null) || PAGE_KB=4096
    is_number "$PAGE_KB" || PAGE_KB=4096
    PAGE_KB=$((PAGE_KB / 1024))
    if have grep; then GREP=1; else note "grep is missing: samples take longer"; fi
    VSYSCALL=0
    if has_vsyscall /proc/self/maps; then VSYSCALL=1; fi
}

each() { # FUNCTION LIST: calls FUNCTION NUMBER ITEM for each line of LIST
    each_do=$1
    each_n=0
    each_left=$2
    while [ -n "$each_left" ]; do
        each_item=${each_left%%"$NL"*}
        each_left=${each_left#*"$NL"}
        each_n=$((each_n + 1))
        "$each_do" "$each_n" "$each_item"
    done
}

nth_log() { take_log "$2"; }
nth_config() { take_config "$2"; }

whole_capture() {
    now
    CAPTURE_END=$((CS + 150000))
    if [ -n "$METRICS" ]; then take_metrics at-start.prom; fi
    if [ "$WATCH" -gt 0 ]; then
        if [ "$DRY" = 1 ]; then plan series/counts.tsv "samples of $TARGET, for at most $WATCH s"; plan "series/{peak,last}/proc/PID" "the fullest and the last sample"; else
            watch
            keep_series
        fi
        now
        CAPTURE_END=$((CS + 150000))
    fi
    if [ "$DRY" = 0 ] && have renice; then renice -n 19 -p $$ >/dev/null 2>&1; fi
    if [ -n "$PID" ] && [ ! -d "/proc/$PID" ]; then PID=; fi
    if [ -z "$PID" ] && [ "$DRY" = 0 ] && [ "$NO_HOST" = 0 ]; then first_process; fi
    if [ -n "$PID" ]; then take_process "$PID"; elif [ "$NO_HOST" = 0 ]; then
        if [ "$DRY" = 1 ]; then plan proc/PID "maps status limits cmdline exe ... of $TARGET"; elif [ "$SAMPLES" = 0 ]; then
            note "no process was found: looked for $TARGET. Between crashes there is none: run again with --watch"
        fi
    fi
    take_cgroup "${PID:-0}"
    if [ "$NO_HOST" = 0 ]; then take_host; fi
    each nth_log "$LOGS"
    each take_log_command "$LOG_COMMANDS"
    take_found_logs
    if [ -n "$LISTER" ]; then
        CHILD=$LISTER
        finish_child 180
        LISTER=
    fi
    each take_data "$DATA_DIRS"
    each nth_config "$CONFIGS"
    if [ -n "$METRICS" ] && [ "$WATCH" -gt 0 ]; then take_metrics at-end.prom; fi
    if [ -n "$KUBERNETES" ]; then take_kubernetes; fi
}

main() {
    PID='' PID_ASKED='' MATCH='' CONTAINER='' LOGS='' LOG_COMMANDS='' DATA_DIRS='' CONFIGS='' METRICS='' KUBERNETES='' OUTPUT=''
    WATCH=0 MAX_MB=1000 DRY=0 NOTES='' OPTIONS_JSON='' W='' CTL='' PARENT='' TOP='' ARCHIVE='' MADE=0 KEEP=0 CHILD='' LISTER='' DOG=''
    PHASE=start FORKS=1 FRACTIONS=0 TICKS=100 STOP=0 SIGNALLED=0 TIMED_OUT=0 TOTAL=0 BUDGET=1000000000 LOG_MOST=200000000
    PEAK='' PEAK_PID='' PEAK_COUNT=0 PEAK_ISO='' PEAK_LIMIT='' LAST='' LAST_PID='' LAST_COUNT=0 LAST_ISO='' LAST_LIMIT='' DENIED=0
    PEAK_FDS='' LAST_FDS='' PEAK_CS=0 LAST_SAMPLE=0 SAMPLE_CS=0 GREP=0
    SAMPLES=0 SAMPLE_TIME=0 DEATHS=0 LIVES='' LIVES_SEEN=0 LIFE_PID='' WAITING=0 MOVED_CS=0 LISTED=0 MAPS_KEPT=1 PAGE_KB=4 VSYSCALL=0
    PROCESS='' CG_DIRS='' OTHERS='' FIRST_COMM='' FIRST_LINE='' CLOCK_OFFSET=null CLOCK_PRECISION=1 NO_HOST=0 CAPTURE_END=0
    START_CS=0 EPOCH_CS=0 STARTED='' HOST='' ANCESTORS=' ' TARGET=''
    exec 3>&1 </dev/null
    parse "$@"
    trap on_exit EXIT
    trap on_interrupt INT
    trap 'on_signal 129' HUP
    trap 'on_signal 131' QUIT
    trap 'on_signal 143' TERM
    trap on_alarm ALRM
    trap '' PIPE
    PHASE=run
    place
    start_clock
    name_bundle
    ancestors
    target_words
    # On a desk with kubectl the desk's own memory and limits would only mislead.
    if [ -n "$KUBERNETES" ] && [ -z "$PID_ASKED$MATCH$CONTAINER$DATA_DIRS$LOGS" ] && [ "$WATCH" = 0 ]; then NO_HOST=1; fi
    if [ "$NO_HOST" = 0 ]; then first_process || say "no process found yet: looked for $TARGET"; fi
    if [ "$DRY" = 1 ]; then
        printf 'Nothing is written. This would be taken, into %s:\n' "$ARCHIVE"
        whole_capture
        PHASE=over
        exit 0
    fi
    make_room
    be_gentle
    watchdog >/dev/null 2>&1 3>&- &
    DOG=$!
    whole_capture
    if [ "$NO_HOST" = 1 ]; then note "no facts of this machine were taken: it is not said to be the pod's node"; fi
    read_offset
    write_capture false
    pack
    PHASE=over
    exit 0
}

# In braces: of a script that was cut, not even this line runs.
{ main "$@"; }
