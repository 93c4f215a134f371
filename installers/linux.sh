#!/bin/sh
# Installs Patina from this checkout for the person who runs it; nothing needs root. May be run again at any time.
# 从当前代码目录为当前用户安装 Patina；不需要 root，可以重复运行。
#
# Usage: sh installers/linux.sh [--prefix FOLDER] [--gpu auto|cpu|cuda|hip|vulkan] [--service] [--no-desktop]
set -eu
checkout="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$checkout/installers/steps.sh"
. "$checkout/installers/gpu.sh"

data="${XDG_DATA_HOME:-$HOME/.local/share}"
prefix="$data/patina"
gpu="${PATINA_GPU:-auto}"
service=0
desktop=1
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder." "--prefix 后面要写目录。"; prefix="$2"; shift ;;
        --gpu) [ $# -gt 1 ] || fail "--gpu needs a name." "--gpu 后面要写名称。"; gpu="$2"; shift ;;
        --service) service=1 ;;
        --no-desktop) desktop=0 ;;
        -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "Unknown option: $1" "不认识的选项：$1" ;;
    esac
    shift
done
check_gpu "$gpu"
venv="$prefix/venv"

find_python || fail \
    "Patina needs Python 3.11 or later with its venv module (Debian, Ubuntu: sudo apt install python3 python3-venv; Fedora: sudo dnf install python3)." \
    "Patina 需要 Python 3.11 或更高版本以及 venv 模块（Debian、Ubuntu：sudo apt install python3 python3-venv；Fedora：sudo dnf install python3）。"

make_venv "$venv"
install_packages "$venv" "$checkout" "$gpu"
link_command "$venv" "$HOME/.local/bin"

if [ "$desktop" = 1 ]; then
    mkdir -p "$data/applications"
    cat >"$data/applications/patina.desktop" <<ENTRY
[Desktop Entry]
Type=Application
Name=Patina
Name[zh_CN]=包浆
Comment=A private assistant on this machine
Comment[zh_CN]=运行在这台电脑上的私人助手
Exec="$venv/bin/patina" serve
Terminal=true
Categories=Utility;
ENTRY
    say "Menu entry: $data/applications/patina.desktop" "菜单项：$data/applications/patina.desktop"
fi

if [ "$service" = 1 ]; then
    units="${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
    mkdir -p "$units"
    sed "s|@PATINA@|$venv/bin/patina|" "$checkout/installers/patina.service" >"$units/patina.service"
    systemctl --user daemon-reload
    systemctl --user enable --now patina.service
    say "Patina now starts when you log in: systemctl --user status patina" "Patina 会在登录时启动：systemctl --user status patina"
fi

finish "$venv"
