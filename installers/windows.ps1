# Installs Patina from this checkout for the person who runs it; nothing needs administrator rights. May be run again.
# 从当前代码目录为当前用户安装 Patina；不需要管理员权限，可以重复运行。
#
# powershell -ExecutionPolicy Bypass -File installers\windows.ps1 [-Prefix FOLDER] [-Gpu auto|cpu|cuda|vulkan] [-Logon] [-NoMenu]
param(
    [string]$Prefix = (Join-Path $env:LOCALAPPDATA 'patina'),
    [ValidateSet('auto', 'cpu', 'cuda', 'vulkan')][string]$Gpu = 'auto',
    [switch]$Logon,
    [switch]$NoMenu
)
$ErrorActionPreference = 'Stop'
$Checkout = Split-Path -Parent $PSScriptRoot
$Chinese = (Get-UICulture).TwoLetterISOLanguageName -eq 'zh'

function Say([string]$English, [string]$Chinese_) { if ($Chinese) { Write-Host $Chinese_ } else { Write-Host $English } }
function Fail([string]$English, [string]$Chinese_) { Say $English $Chinese_; exit 1 }
function Has([string]$Name) { $null -ne (Get-Command $Name -ErrorAction SilentlyContinue) }
function Invoke-Checked([string]$Program, [string[]]$Arguments) {
    & $Program @Arguments
    if ($LASTEXITCODE -ne 0) { Fail "$Program ended with code $LASTEXITCODE." "$Program 以代码 $LASTEXITCODE 结束。" }
}

# The launcher first: `python` alone may be the shop's stub, which runs nothing.
function Test-Python([string]$Program, [string[]]$Options) {
    $ErrorActionPreference = 'Continue'  # Windows PowerShell takes any line on stderr for an error
    & $Program @Options -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>$null
    return $LASTEXITCODE -eq 0
}
$Python = $null
$PythonOptions = @()
foreach ($Version in @('-3.13', '-3.12', '-3.11')) {
    if (-not $Python -and (Has 'py') -and (Test-Python 'py' @($Version))) { $Python = 'py'; $PythonOptions = @($Version) }
}
if (-not $Python -and (Has 'python') -and (Test-Python 'python' @())) { $Python = 'python' }
if (-not $Python) {
    Fail 'Patina needs Python 3.11 or later: winget install Python.Python.3.12' 'Patina 需要 Python 3.11 或更高版本：winget install Python.Python.3.12'
}

$Venv = Join-Path $Prefix 'venv'
$VenvPython = Join-Path $Venv 'Scripts\python.exe'
$Patina = Join-Path $Venv 'Scripts\patina.exe'

$VsWhere = Join-Path ${env:ProgramFiles(x86)} 'Microsoft Visual Studio\Installer\vswhere.exe'
$Compiler = (Has 'cl') -or ((Test-Path $VsWhere) -and (& $VsWhere -latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath))
if (-not (Test-Path $Patina) -and -not $Compiler) {
    Fail 'Microsoft C++ Build Tools are needed to build llama.cpp: winget install Microsoft.VisualStudio.2022.BuildTools, with "Desktop development with C++".' '编译 llama.cpp 需要 Microsoft C++ 生成工具：winget install Microsoft.VisualStudio.2022.BuildTools，并勾选“使用 C++ 的桌面开发”。'
}

# What a program prints; nothing where it is absent or fails.
function Get-Said([scriptblock]$Command) {
    $ErrorActionPreference = 'Continue'
    $global:LASTEXITCODE = 0
    try { $Text = & $Command 2>$null | Out-String } catch { return '' }
    if ($LASTEXITCODE -ne 0) { return '' }
    return $Text.Trim()
}

$Given = "$env:CMAKE_ARGS".Trim()
$Backend = $Gpu
if ($Gpu -eq 'auto' -and $Given) {
    $Backend = 'given'
} elseif ($Gpu -eq 'auto') {
    $Backend = 'cpu'
    $Nvidia = Get-Said { nvidia-smi -L }
    $Card = Get-Said { @((Get-CimInstance Win32_VideoController).Name) -match 'NVIDIA|AMD|Radeon|Intel' | Select-Object -First 1 }
    if ($Nvidia -and (Has 'nvcc')) {
        $Backend = 'cuda'
        Say 'GPU: NVIDIA with the CUDA toolkit found; building for CUDA.' '显卡：找到 NVIDIA 显卡和 CUDA 工具包，使用 CUDA。'
    } elseif ($env:VULKAN_SDK) {
        $Backend = 'vulkan'
        Say 'GPU: the Vulkan SDK found; building for Vulkan.' '显卡：找到 Vulkan SDK，使用 Vulkan。'
    } elseif ($Nvidia) {
        Say 'GPU: NVIDIA found, but neither the CUDA toolkit (nvcc) nor the Vulkan SDK. Install one of them and run this again to use the card. Building for the processor.' '显卡：找到 NVIDIA 显卡，但没有 CUDA 工具包（nvcc），也没有 Vulkan SDK。装好其中一个再重新运行本脚本即可使用显卡。这次使用处理器。'
    } elseif ($Card) {
        Say "GPU: $Card found, but not the Vulkan SDK. Install it and run this again to use the card. Building for the processor." "显卡：找到 $Card，但没有 Vulkan SDK。安装后重新运行本脚本即可使用显卡。这次使用处理器。"
    } else {
        Say 'GPU: none found that can be built for; building for the processor.' '显卡：没有找到可用的显卡，使用处理器运行。'
    }
}
$Flags = @{ cpu = ''; given = ''; cuda = '-DGGML_CUDA=on'; vulkan = '-DGGML_VULKAN=on' }[$Backend]

if (-not (Test-Path $VenvPython)) {
    Say "Making a Python environment in $Venv" "正在 $Venv 建立 Python 环境"
    New-Item -ItemType Directory -Force $Prefix | Out-Null
    Invoke-Checked $Python ($PythonOptions + @('-m', 'venv', $Venv))
}

# Wheels are kept by what they were compiled for and with, as llama_cpp.sh does: pip's own cache goes by version alone.
$Pip = @('-m', 'pip', '--disable-pip-version-check')
$Constraints = Join-Path $Checkout 'constraints.txt'
$Wanted = (Select-String -Path $Constraints -Pattern '^llama[-_]cpp[-_]python==' | Select-Object -First 1).Line.Trim()
$Cache = Join-Path $env:LOCALAPPDATA 'patina\cache'
$Wheels = Join-Path $Cache 'wheels'
$Mark = Join-Path $Venv 'patina-llama-cpp'
New-Item -ItemType Directory -Force $Wheels | Out-Null
$Log = ''
if ($Backend -ne 'cpu' -and $Backend -ne 'given') { $Log = Join-Path $Cache "llama-cpp-$Backend.log" }

function Get-Key([string]$CmakeArgs) {
    $Parts = @(
        "$env:PROCESSOR_ARCHITECTURE $env:PROCESSOR_IDENTIFIER",
        (Get-Said { (Get-ItemProperty 'HKLM:\HARDWARE\DESCRIPTION\System\CentralProcessor\0').ProcessorNameString }),
        (Get-Said { & $VsWhere -latest -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationVersion }),
        (Get-Said { (Get-Command cl).Version.ToString() }),
        "$env:CC $env:CXX $env:CMAKE_GENERATOR $env:CFLAGS $env:CXXFLAGS",
        $Wanted,
        $CmakeArgs,
        (Get-Said { & $VenvPython -c 'import sys, sysconfig; print(sys.version_info[:2], sysconfig.get_platform())' })
    )
    if ($CmakeArgs -match 'GGML_CUDA') {
        $Parts += Get-Said { nvcc --version }
        $Parts += Get-Said { nvidia-smi '--query-gpu=name' '--format=csv,noheader' | Sort-Object -Unique }
    }
    if ($CmakeArgs -match 'GGML_VULKAN') { $Parts += "$env:VULKAN_SDK" }
    $Hash = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes($Parts -join "`n"))
    return ([BitConverter]::ToString($Hash) -replace '-', '').Substring(0, 16).ToLowerInvariant()
}

# Compiles what no wheel is there for, and installs it; says whether that went well. A log is kept of what need not.
# Whatever is printed in here must not become part of the answer.
function Install-Llama([string]$CmakeArgs, [string]$KeepLog) {
    $ErrorActionPreference = 'Continue'
    $Key = Get-Key $CmakeArgs
    if ((Test-Path $Mark) -and "$(Get-Content $Mark -First 1)".Trim() -eq $Key) {
        & $VenvPython @Pip show --quiet llama-cpp-python *> $null
        if ($LASTEXITCODE -eq 0) { return $true }
    }
    $Shelf = Join-Path $Wheels $Key
    $Pattern = Join-Path $Shelf 'llama_cpp_python-*.whl'
    if (-not (Test-Path $Pattern)) {
        $Shown = if ($CmakeArgs) { " ($CmakeArgs)" } else { '' }
        Say "Compiling llama.cpp for this machine$Shown; this takes some minutes, once." "正在为这台机器编译 llama.cpp$Shown，需要几分钟，只做一次。"
        $Draft = Join-Path $Wheels ".building.$PID"
        New-Item -ItemType Directory -Force $Draft -ErrorAction Stop | Out-Null
        $Build = $Pip + @('wheel', '--quiet', '--no-deps', '--no-cache-dir', '--no-binary', 'llama-cpp-python', '--wheel-dir', $Draft, $Wanted)
        $env:CMAKE_ARGS = $CmakeArgs
        if ($KeepLog) {
            if (Test-Path $KeepLog) { Remove-Item $KeepLog }
            & $VenvPython @Build --log $KeepLog *> $null
        } else {
            & $VenvPython @Build | Out-Host
        }
        $Code = $LASTEXITCODE
        $env:CMAKE_ARGS = $Given
        if ($Code -ne 0) {
            Remove-Item -Recurse -Force $Draft
            return $false
        }
        if (Test-Path $Shelf) { Remove-Item -Recurse -Force $Shelf -ErrorAction Stop }
        Move-Item $Draft $Shelf -ErrorAction Stop
    }
    if (Test-Path $Mark) { Remove-Item $Mark -ErrorAction Stop }  # from here on it would speak of another build
    $Wheel = (Get-Item $Pattern | Select-Object -First 1).FullName
    & $VenvPython @Pip install --quiet --force-reinstall --no-deps $Wheel | Out-Host
    if ($LASTEXITCODE -ne 0) { return $false }
    Set-Content $Mark $Key -ErrorAction Stop
    return $true
}

function Install-ForProcessor {
    if (-not (Install-Llama $Given '')) { Fail 'llama.cpp could not be compiled; the lines above say why.' '没能编译 llama.cpp，原因见上面的输出。' }
}
function Use-Processor {
    Say "llama.cpp could not be built for $Backend here, or does not start; the reason is in $Log. It is built for the processor instead, so that Patina runs. Running this again tries again; with -Gpu cpu it does not." "没能在这台电脑上为 $Backend 编译出能启动的 llama.cpp，原因写在 $Log。现在改为针对处理器编译，Patina 照样能用。重新运行本脚本会再试一次；加上 -Gpu cpu 就不再尝试。"
    Install-ForProcessor
}

if (-not $Log) {
    Install-ForProcessor
} elseif (-not (Install-Llama ("$Flags $Given".Trim()) $Log)) {
    Use-Processor
    $Log = ''
}
Say 'Installing Patina and what it stands on.' '正在安装 Patina 及其依赖。'
Invoke-Checked $VenvPython ($Pip + @('install', '--quiet', '-c', $Constraints, $Checkout))
# The same version number may stand on newer code.
Invoke-Checked $VenvPython ($Pip + @('install', '--quiet', '--force-reinstall', '--no-deps', $Checkout))
if ($Log) {
    # A build can succeed where the card's driver is missing, and then not even start.
    $Loads = & { $ErrorActionPreference = 'Continue'; & $VenvPython -c 'import llama_cpp' *> $Log; $LASTEXITCODE -eq 0 }
    if ($Loads) { Remove-Item $Log } else { Use-Processor }
}

function New-PatinaShortcut([string]$Folder, [string]$Arguments) {
    $Shortcut = (New-Object -ComObject WScript.Shell).CreateShortcut((Join-Path $Folder 'Patina.lnk'))
    $Shortcut.TargetPath = $Patina
    $Shortcut.Arguments = $Arguments
    $Shortcut.Save()
}
if (-not $NoMenu) { New-PatinaShortcut ([Environment]::GetFolderPath('Programs')) 'serve' }
if ($Logon) { New-PatinaShortcut ([Environment]::GetFolderPath('Startup')) 'serve --no-browser' }

& $Patina doctor
if ($LASTEXITCODE -ne 0) { Say 'Patina is installed; the lines above say what still needs attention.' 'Patina 已经装好；上面列出了还需要处理的事项。' }
Say "Start it with: $Patina serve" "启动：$Patina serve"
exit 0
