#!/bin/sh
# Installs Patina from this checkout for the person who runs it; nothing needs root. May be run again at any time.
# 从当前代码目录为当前用户安装 Patina；不需要 root，可以重复运行。
#
# Usage: sh installers/linux.sh [--prefix FOLDER] [--gpu auto|cpu|cuda|hip|vulkan] [--service] [--no-desktop]
set -eu
checkout="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$checkout/installers/steps.sh"

data="${XDG_DATA_HOME:-$HOME/.local/share}"
prefix="$data/patina"
gpu=auto
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
venv="$prefix/venv"

has() { command -v "$1" >/dev/null 2>&1; }

find_python || fail \
    "Patina needs Python 3.11 or later with its venv module (Debian, Ubuntu: sudo apt install python3 python3-venv; Fedora: sudo dnf install python3)." \
    "Patina 需要 Python 3.11 或更高版本以及 venv 模块（Debian、Ubuntu：sudo apt install python3 python3-venv；Fedora：sudo dnf install python3）。"

if [ "$gpu" = auto ]; then
    gpu=cpu
    if has nvidia-smi && nvidia-smi -L >/dev/null 2>&1; then
        if has nvcc; then
            gpu=cuda
            say "GPU: NVIDIA with the CUDA toolkit found; building for CUDA." "显卡：找到 NVIDIA 显卡和 CUDA 工具包，使用 CUDA。"
        else
            say "GPU: NVIDIA found, but not the CUDA toolkit (nvcc). Install it and run this again to use the card." \
                "显卡：找到 NVIDIA 显卡，但没有 CUDA 工具包（nvcc）。安装后重新运行本脚本即可使用显卡。"
        fi
    elif has rocminfo && has hipcc; then
        gpu=hip
        say "GPU: AMD with ROCm found; building for HIP." "显卡：找到 AMD 显卡和 ROCm，使用 HIP。"
    fi
    if [ "$gpu" = cpu ] && has glslc && has vulkaninfo && vulkaninfo --summary 2>/dev/null | grep -q 'DISCRETE_GPU\|INTEGRATED_GPU'; then
        gpu=vulkan
        say "GPU: a Vulkan device and its shader compiler found; building for Vulkan." "显卡：找到 Vulkan 设备和着色器编译器，使用 Vulkan。"
    fi
    [ "$gpu" != cpu ] || say "Building for the processor: no GPU that can be built for was found." "使用处理器运行：没有找到可用的显卡环境。"
fi
case "$gpu" in
    cpu) cmake_args="" ;;
    cuda) cmake_args="-DGGML_CUDA=on" ;;
    hip) cmake_args="-DGGML_HIP=on" ;;
    vulkan) cmake_args="-DGGML_VULKAN=on" ;;
    *) fail "--gpu takes auto, cpu, cuda, hip or vulkan." "--gpu 只能是 auto、cpu、cuda、hip 或 vulkan。" ;;
esac

make_venv "$venv"
install_packages "$venv" "$checkout" "$cmake_args"
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
