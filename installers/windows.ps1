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

if ($Gpu -eq 'auto') {
    $Gpu = 'cpu'
    if ((Has 'nvidia-smi') -and (Has 'nvcc')) {
        $Gpu = 'cuda'
        Say 'GPU: NVIDIA with the CUDA toolkit found; building for CUDA.' '显卡：找到 NVIDIA 显卡和 CUDA 工具包，使用 CUDA。'
    } elseif ($env:VULKAN_SDK) {
        $Gpu = 'vulkan'
        Say 'GPU: the Vulkan SDK found; building for Vulkan.' '显卡：找到 Vulkan SDK，使用 Vulkan。'
    } elseif (Has 'nvidia-smi') {
        Say 'GPU: NVIDIA found, but not the CUDA toolkit (nvcc). Install it and run this again to use the card.' '显卡：找到 NVIDIA 显卡，但没有 CUDA 工具包（nvcc）。安装后重新运行本脚本即可使用显卡。'
    }
    if ($Gpu -eq 'cpu') { Say 'Building for the processor.' '使用处理器运行。' }
}
$CmakeArgs = @{ cpu = ''; cuda = '-DGGML_CUDA=on'; vulkan = '-DGGML_VULKAN=on' }[$Gpu]

if (-not (Test-Path $VenvPython)) {
    Say "Making a Python environment in $Venv" "正在 $Venv 建立 Python 环境"
    New-Item -ItemType Directory -Force $Prefix | Out-Null
    Invoke-Checked $Python ($PythonOptions + @('-m', 'venv', $Venv))
}

$Pip = @('-m', 'pip', '--disable-pip-version-check', 'install', '--quiet', '-c', (Join-Path $Checkout 'constraints.txt'))
$Note = Join-Path $Venv 'patina-backend'
$Built = if (Test-Path $Note) { (Get-Content $Note -First 1).Trim() } else { '' }
if (($Gpu -ne 'cpu' -and $Built -ne $Gpu) -or ($Gpu -eq 'cpu' -and $Built -and $Built -ne 'cpu')) {
    Say "Compiling llama.cpp for $Gpu; this takes several minutes." "正在为 $Gpu 编译 llama.cpp，需要几分钟。"
    $env:CMAKE_ARGS = $CmakeArgs
    Invoke-Checked $VenvPython ($Pip + @('--no-cache-dir', '--no-binary', 'llama-cpp-python', '--force-reinstall', '--no-deps', 'llama-cpp-python'))
}
Set-Content $Note $Gpu
Say 'Installing Patina and what it stands on; without a ready build llama.cpp is compiled, which takes minutes.' '正在安装 Patina 及其依赖；如果没有现成的版本，会编译 llama.cpp，需要几分钟。'
Invoke-Checked $VenvPython ($Pip + @($Checkout))
Invoke-Checked $VenvPython ($Pip + @('--force-reinstall', '--no-deps', $Checkout))

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
