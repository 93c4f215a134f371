#!/bin/sh
# Installs Patina from this checkout for the person who runs it; nothing needs root. May be run again at any time.
# 从当前代码目录为当前用户安装 Patina；不需要 root，可以重复运行。
#
# Usage: sh installers/macos.sh [--prefix FOLDER] [--gpu auto|cpu|metal] [--service]
set -eu
checkout="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$checkout/installers/steps.sh"
. "$checkout/installers/gpu.sh"

prefix="$HOME/Library/Application Support/patina"
gpu="${PATINA_GPU:-auto}"
service=0
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder." "--prefix 后面要写目录。"; prefix="$2"; shift ;;
        --gpu) [ $# -gt 1 ] || fail "--gpu needs a name." "--gpu 后面要写名称。"; gpu="$2"; shift ;;
        --service) service=1 ;;
        -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "Unknown option: $1" "不认识的选项：$1" ;;
    esac
    shift
done
check_gpu "$gpu"
venv="$prefix/venv"

find_python || fail "Patina needs Python 3.11 or later: brew install python@3.12" \
    "Patina 需要 Python 3.11 或更高版本：brew install python@3.12"

make_venv "$venv"
install_packages "$venv" "$checkout" "$gpu"
link_command "$venv" "$HOME/.local/bin"

if [ "$service" = 1 ]; then
    agents="$HOME/Library/LaunchAgents"
    mkdir -p "$agents" "$HOME/Library/Logs"
    sed -e "s|@PATINA@|$venv/bin/patina|" -e "s|@LOGS@|$HOME/Library/Logs|" \
        "$checkout/installers/patina.plist" >"$agents/local.patina.plist"
    launchctl bootout "gui/$(id -u)/local.patina" 2>/dev/null || true
    launchctl bootstrap "gui/$(id -u)" "$agents/local.patina.plist"
    say "Patina now starts when you log in: launchctl print gui/$(id -u)/local.patina" \
        "Patina 会在登录时启动：launchctl print gui/$(id -u)/local.patina"
fi

finish "$venv"
