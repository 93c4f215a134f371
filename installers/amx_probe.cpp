// Ends well if code that configures AMX tiles as llama.cpp does can be compiled and run here.
//
// Some compilers (GCC 12 among them) take the 64 bytes of the configuration for 8 and leave out the rest as never read;
// the processor then refuses what it is given. Some virtual machines list AMX and do not have it.
#include <cstdint>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {
struct Tiles {
    uint8_t palette = 0;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {0};
    uint16_t bytes[16] = {0};
    uint8_t rows[16] = {0};
};
constexpr long request_permission = 0x1023;
constexpr long tile_data = 18;
}  // namespace

__attribute__((noinline)) void configure(uint8_t rows) {
    alignas(64) Tiles tiles = {};
    tiles.palette = 1;
    for (int i = 0; i < 8; ++i) {
        tiles.rows[i] = rows;
        tiles.bytes[i] = 64;
    }
    _tile_loadconfig(&tiles);
}

int main(int count, char **) {
    if (syscall(SYS_arch_prctl, request_permission, tile_data) != 0) {
        return 1;
    }
    alignas(64) int8_t ones[16 * 64];
    alignas(64) int32_t sums[16 * 16];
    for (int8_t &value : ones) {
        value = 1;
    }
    configure(static_cast<uint8_t>(15 + count));
    _tile_zero(0);
    _tile_loadd(1, ones, 64);
    _tile_loadd(2, ones, 64);
    _tile_dpbssd(0, 1, 2);
    _tile_stored(0, sums, 64);
    _tile_release();
    for (int32_t sum : sums) {
        if (sum != 64) {
            return 2;
        }
    }
    return 0;
}
