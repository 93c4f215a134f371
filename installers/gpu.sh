# Which GPU llama.cpp is built for, decided from what this machine has; sourced after steps.sh, not run. POSIX sh.

root="${PATINA_ROOT:-}" # the tests have it look at a made-up machine

# Toolkits' own installers leave PATH as it was, and CMake finds their compilers by PATH.
for folder in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "$root/usr/local/cuda" "$root/opt/cuda" "${ROCM_PATH:-}" "$root/opt/rocm"; do
    if [ -n "$folder" ] && [ -d "$folder/bin" ]; then PATH="$PATH:$folder/bin"; fi
done
export PATH

has() { command -v "$1" >/dev/null 2>&1; }

header() { # header NAME: where it lies
    for folder in ${VULKAN_SDK:+"$VULKAN_SDK/include"} "$root/usr/include" "$root/usr/local/include"; do
        if [ -e "$folder/$1" ]; then
            printf '%s\n' "$folder/$1"
            return 0
        fi
    done
    return 1
}

check_gpu() { # check_gpu NAME: ends everything unless it is one that this system has
    case "$(uname -s)/$1" in
        */auto | */cpu | Darwin/metal) ;;
        Darwin/*) fail "The GPU may be auto, cpu or metal, not $1." "显卡可以选 auto、cpu 或 metal，不能是 $1。" ;;
        */cuda | */hip | */vulkan) ;;
        *) fail "The GPU may be auto, cpu, cuda, hip or vulkan, not $1." "显卡可以选 auto、cpu、cuda、hip 或 vulkan，不能是 $1。" ;;
    esac
}

gpu_switches() { # gpu_switches NAME FOLDER: the CMake arguments that build for it; FOLDER is that of this file
    case "$(uname -s)/$1" in
        */cuda) printf '%s' "-DGGML_CUDA=on" ;;
        */hip) printf '%s' "-DGGML_HIP=on" ;;
        */metal) printf '%s' "-DGGML_METAL=on" ;;
        */vulkan) printf '%s' "-DGGML_VULKAN=on" ;;
        Darwin/cpu) printf '%s' "'-DCMAKE_PROJECT_llama.cpp_INCLUDE=$2/no_metal.cmake'" ;;
    esac
}

gpu_toolkit() { # gpu_toolkit CMAKE_ARGS: what a build with them depends on, beyond the processor and its compiler
    case "$1" in
        *GGML_CUDA*) # code is generated for the cards at hand only
            nvcc --version 2>/dev/null || true
            nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | sort -u
            ;;
    esac
    case "$1" in
        *GGML_HIP*)
            hipcc --version 2>/dev/null || true
            rocminfo 2>/dev/null | grep -o 'gfx[0-9a-f]*' | sort -u
            ;;
    esac
    case "$1" in
        *GGML_VULKAN*)
            glslc --version 2>/dev/null || true
            grep '^#define VK_HEADER_VERSION ' "$(header vulkan/vulkan_core.h)" 2>/dev/null || true
            ;;
    esac
}

gpu_makers() { # who made the GPUs that a program may open: 0x10de is NVIDIA, 0x1002 AMD, 0x8086 Intel
    for node in "$root"/dev/dri/renderD*; do
        cat "$root/sys/class/drm/${node##*/}/device/vendor" 2>/dev/null || true
    done
}

# shellcheck disable=SC2034 # $gpu is for whoever sources this
find_gpu() { # sets $gpu, and says what it was chosen for
    gpu=cpu
    if [ "$(uname -s)" = Darwin ]; then
        if [ "$(uname -m)" = arm64 ]; then
            gpu=metal
            say "GPU: Apple silicon; building for Metal." "显卡：Apple 芯片，使用 Metal。"
        else
            say "Building for the processor: Metal is slower than the processor on most Intel Macs." \
                "使用处理器运行：多数 Intel Mac 上 Metal 反而更慢。"
        fi
        return 0
    fi

    makers="$(gpu_makers)"
    amd_works() { rocminfo 2>/dev/null | grep -q gfx; }
    card="" better="" missing="" missing_zh=""
    if has nvidia-smi && nvidia-smi -L >/dev/null 2>&1; then
        if has nvcc; then
            gpu=cuda
            say "GPU: NVIDIA with the CUDA toolkit found; building for CUDA." "显卡：找到 NVIDIA 显卡和 CUDA 工具包，使用 CUDA。"
            return 0
        fi
        card=NVIDIA better=CUDA
        missing="the CUDA toolkit (nvcc; Debian, Ubuntu: sudo apt install nvidia-cuda-toolkit; Arch: sudo pacman -S cuda)"
        missing_zh="CUDA 工具包（nvcc；Debian、Ubuntu：sudo apt install nvidia-cuda-toolkit；Arch：sudo pacman -S cuda）"
    elif [ "${makers#*0x1002}" != "$makers" ] || amd_works; then
        if has hipcc && { ! has rocminfo || amd_works; }; then
            gpu=hip
            say "GPU: AMD with ROCm found; building for HIP." "显卡：找到 AMD 显卡和 ROCm，使用 HIP。"
            return 0
        fi
        card=AMD better=HIP
        missing="ROCm 6.1 or later (hipcc), if it supports the card"
        missing_zh="支持这块显卡的 ROCm 6.1 或更高版本（hipcc）"
    elif [ "${makers#*0x10de}" != "$makers" ]; then
        card=NVIDIA better=CUDA
        missing="NVIDIA's own driver (nvidia-smi) and the CUDA toolkit (nvcc)"
        missing_zh="NVIDIA 官方驱动（nvidia-smi）和 CUDA 工具包（nvcc）"
    elif [ "${makers#*0x8086}" != "$makers" ]; then
        card=Intel
    fi

    vulkan="" vulkan_zh=""
    if ! has glslc || ! header vulkan/vulkan.h >/dev/null || ! header spirv/unified1/spirv.hpp >/dev/null; then
        vulkan="the headers and the shader compiler of Vulkan (Debian, Ubuntu: sudo apt install libvulkan-dev glslc spirv-headers; Fedora: sudo dnf install vulkan-loader-devel glslc spirv-headers-devel; Arch: sudo pacman -S vulkan-headers vulkan-icd-loader shaderc spirv-headers)"
        vulkan_zh="Vulkan 的头文件和着色器编译器（Debian、Ubuntu：sudo apt install libvulkan-dev glslc spirv-headers；Fedora：sudo dnf install vulkan-loader-devel glslc spirv-headers-devel；Arch：sudo pacman -S vulkan-headers vulkan-icd-loader shaderc spirv-headers）"
    elif has vulkaninfo && ! vulkaninfo --summary 2>/dev/null | grep -qE 'DISCRETE_GPU|INTEGRATED_GPU'; then
        vulkan="a Vulkan driver for the card (Debian, Ubuntu: sudo apt install mesa-vulkan-drivers; Fedora: sudo dnf install mesa-vulkan-drivers)"
        vulkan_zh="显卡的 Vulkan 驱动（Debian、Ubuntu：sudo apt install mesa-vulkan-drivers；Fedora：sudo dnf install mesa-vulkan-drivers）"
    fi
    if [ -z "$vulkan" ] && { [ -n "$card" ] || has vulkaninfo; }; then
        gpu=vulkan
        say "GPU: ${card:-a card} and the tools of Vulkan found; building for Vulkan.${missing:+ To build for $better, install $missing and run the installer or \`make engine\` again.}" \
            "显卡：找到${card:+ $card }显卡和 Vulkan 工具，使用 Vulkan。${missing:+想改用 ${better}，请安装${missing_zh}，再重新运行安装脚本或 \`make engine\`。}"
    elif [ -n "$card" ]; then
        say "GPU: $card found, but not what it takes to build for it. Install ${missing:+$missing, or }$vulkan, and run the installer or \`make engine\` again to use the card. Building for the processor." \
            "显卡：找到 $card 显卡，但编译环境不全。请安装${missing_zh:+${missing_zh}，或者}${vulkan_zh}，再重新运行安装脚本或 \`make engine\` 即可使用显卡。这次使用处理器。"
    else
        say "GPU: none found that can be built for; building for the processor." "显卡：没有找到可用的显卡，使用处理器运行。"
    fi
}
