"""Several people at once: Patina beside llama.cpp's own server and llama-cpp-python's, on the same model and loads."""
