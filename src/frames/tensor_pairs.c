// SPDX-License-Identifier: Apache-2.0
// The gather of the bilinear pass: four pairs with one byte shuffle, or one by one.
#include "frames/tensor_priv.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <tmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Two neighbours in one load; the byte order decides which half is which, so undo it there.
static inline uint32_t load_pair(const uint16_t *at)
{
    uint32_t pair;
    memcpy(&pair, at, sizeof(pair));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    pair = pair << 16 | pair >> 16;
#endif
    return pair;
}

static void pairs_from(const uint16_t *row, const struct nj_taps *taps, int32_t from,
                       uint32_t *pairs)
{
    for (int32_t i = from; i < taps->count; i++)
        pairs[i] = load_pair(row + taps->first[i]);
}

#if defined(__x86_64__)
__attribute__((target("ssse3"))) static int32_t
shuffle_groups(const uint16_t *row, const struct nj_taps *taps, uint32_t *pairs)
{
    int32_t end = taps->count / NJ_TAPS_GROUP * NJ_TAPS_GROUP;
    const uint8_t *shuffle = taps->shuffles;
    for (int32_t i = 0; i < end; i += NJ_TAPS_GROUP, shuffle += 16) {
        __m128i levels = _mm_loadu_si128((const __m128i *)(const void *)(row + taps->first[i]));
        __m128i places = _mm_loadu_si128((const __m128i *)(const void *)shuffle);
        _mm_storeu_si128((__m128i *)(void *)(pairs + i), _mm_shuffle_epi8(levels, places));
    }
    return end;
}

static bool can_shuffle(void)
{
    return __builtin_cpu_supports("ssse3");
}
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static int32_t shuffle_groups(const uint16_t *row, const struct nj_taps *taps, uint32_t *pairs)
{
    int32_t end = taps->count / NJ_TAPS_GROUP * NJ_TAPS_GROUP;
    const uint8_t *shuffle = taps->shuffles;
    for (int32_t i = 0; i < end; i += NJ_TAPS_GROUP, shuffle += 16) {
        uint8x16_t levels = vreinterpretq_u8_u16(vld1q_u16(row + taps->first[i]));
        uint8x16_t picked = vqtbl1q_u8(levels, vld1q_u8(shuffle));
        vst1q_u32(pairs + i, vreinterpretq_u32_u8(picked));
    }
    return end;
}

static bool can_shuffle(void)
{
    return true;
}
#else
static int32_t shuffle_groups(const uint16_t *row, const struct nj_taps *taps, uint32_t *pairs)
{
    (void)row;
    (void)taps;
    (void)pairs;
    return 0;
}

static bool can_shuffle(void)
{
    return false;
}
#endif

void nj_row_pairs(const uint16_t *row, const struct nj_taps *taps, uint32_t *pairs)
{
    int32_t done = taps->shuffles && can_shuffle() ? shuffle_groups(row, taps, pairs) : 0;
    pairs_from(row, taps, done, pairs);
}
