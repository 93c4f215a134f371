# Steps shared by linux.sh and macos.sh; sourced, not run. POSIX sh.

case "${PATINA_LANGUAGE:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}" in
    zh*) chinese=1 ;;
    *) chinese=0 ;;
esac

say() { # say ENGLISH CHINESE
    if [ "$chinese" = 1 ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

fail() { # fail ENGLISH CHINESE
    say "$1" "$2" >&2
    exit 1
}

find_python() { # sets $python to the first interpreter that runs and is new enough
    for python in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
        if [ -n "$python" ] && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            say "Python: $("$python" --version 2>&1)" "Python：$("$python" --version 2>&1)"
            return 0
        fi
    done
    return 1
}

make_venv() { # make_venv FOLDER
    if [ ! -x "$1/bin/python" ]; then
        say "Making a Python environment in $1" "正在 $1 建立 Python 环境"
        mkdir -p "$(dirname "$1")"
        "$python" -m venv "$1"
    fi
}

install_packages() { # install_packages VENV CHECKOUT GPU
    PATINA_GPU="$3" sh "$2/installers/llama_cpp.sh" "$1/bin/python" "$2/constraints.txt"
    say "Installing Patina and what it stands on." "正在安装 Patina 及其依赖。"
    "$1/bin/python" -m pip --disable-pip-version-check install --quiet -c "$2/constraints.txt" "$2"
    # The same version number may stand on newer code.
    "$1/bin/python" -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps "$2"
}

link_command() { # link_command VENV FOLDER
    mkdir -p "$2"
    ln -sf "$1/bin/patina" "$2/patina"
    case ":$PATH:" in
        *":$2:"*) say "The command is: patina" "命令是：patina" ;;
        *) say "The command is $2/patina; add $2 to PATH to call it by name." \
            "命令是 $2/patina；把 $2 加入 PATH 后可以直接输入 patina。" ;;
    esac
}

finish() { # finish VENV: the doctor has the last word, a warning of its is no failure of the installation
    say "" ""
    "$1/bin/patina" doctor || say "Patina is installed; the lines above say what still needs attention." \
        "Patina 已经装好；上面列出了还需要处理的事项。"
    say "Start it with: patina serve" "启动：patina serve"
}
