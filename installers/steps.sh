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

# A build for another backend has to be compiled here and must not come from pip's cache, which does not know
# what a wheel was compiled for. The choice is written down, so that running the installer again builds nothing.
install_packages() { # install_packages VENV CHECKOUT BACKEND CMAKE_ARGS
    built="$(cat "$1/patina-backend" 2>/dev/null || true)"
    if [ "$3" != cpu ] && [ "$built" != "$3" ]; then
        say "Compiling llama.cpp for $3 (CMAKE_ARGS=$4); this takes several minutes." \
            "正在为 $3 编译 llama.cpp（CMAKE_ARGS=$4），需要几分钟。"
        CMAKE_ARGS="$4" "$1/bin/python" -m pip --disable-pip-version-check install --quiet --no-cache-dir \
            --no-binary llama-cpp-python --force-reinstall --no-deps -c "$2/constraints.txt" llama-cpp-python
    elif [ "$3" = cpu ] && [ -n "$built" ] && [ "$built" != cpu ]; then
        "$1/bin/python" -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps \
            -c "$2/constraints.txt" llama-cpp-python
    fi
    printf '%s\n' "$3" >"$1/patina-backend"
    say "Installing Patina and what it stands on. Without a ready build llama.cpp is compiled, which takes minutes." \
        "正在安装 Patina 及其依赖。如果没有现成的版本，会编译 llama.cpp，需要几分钟。"
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
