# llama-cpp-python switches Metal on for every Mac, whatever the command line says. This is read after it has done so.
set(GGML_METAL OFF CACHE BOOL "ggml: use Metal" FORCE)
