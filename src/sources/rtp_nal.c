// SPDX-License-Identifier: Apache-2.0
// Heads of NAL units. That a picture is whole is told by what follows it as ITU-T H.264, 7.4.1.2.3
// and H.265, 7.4.2.4.4 say.
#include "sources/rtp_nal_priv.h"

enum {
    H264_SLICE = 1,
    H264_PARTITION_A = 2,
    H264_IDR = 5,
    H264_SEI = 6,
    H264_SPS = 7,
    H264_PPS = 8,
    H264_DELIMITER = 9,
    H264_PREFIX = 14,
    H264_SUBSET_SPS = 15,
    H264_RESERVED_LAST = 18,
    H264_STAP_A = 24,
    H264_FU_A = 28,
    SEI_RECOVERY_POINT = 6,
    H265_IRAP_FIRST = 16,
    H265_IRAP_LAST = 21,
    H265_VPS = 32,
    H265_PPS = 34,
    H265_DELIMITER = 35,
    H265_PREFIX_SEI = 39,
    H265_RESERVED_FIRST = 41,
    H265_RESERVED_LAST = 44,
    H265_AP = 48,
    H265_FU = 49,
};

static uint8_t h264_type(const uint8_t *nal)
{
    return nal[0] & 0x1f;
}

static void h264_look(const uint8_t *nal, size_t size, struct nj_nal_head *out)
{
    const uint8_t type = h264_type(nal);
    const bool slice = type == H264_SLICE || type == H264_PARTITION_A || type == H264_IDR;
    const bool first = slice && size > 1 && nal[1] >> 7 != 0; // first_mb_in_slice is 0
    out->valid = type > 0 && type < H264_STAP_A && nal[0] >> 7 == 0;
    out->picture = type >= H264_SLICE && type <= H264_IDR;
    out->opens = first || (type >= H264_SEI && type <= H264_DELIMITER) ||
                 (type >= H264_PREFIX && type <= H264_RESERVED_LAST);
}

// The bytes of a payload without those that keep start codes out of it.
struct payload {
    const uint8_t *at, *stop;
    int zeros;
};

// -1: the end.
static int next_byte(struct payload *payload)
{
    if (payload->zeros >= 2 && payload->at < payload->stop && *payload->at == 3) {
        payload->at++;
        payload->zeros = 0;
    }
    if (payload->at == payload->stop)
        return -1;
    payload->zeros = *payload->at == 0 ? payload->zeros + 1 : 0;
    return *payload->at++;
}

// A number of an SEI message: bytes of 255, and the rest. -1: the end.
static int next_number(struct payload *payload)
{
    int number = 0, byte = 0;
    do {
        byte = next_byte(payload);
        number += byte;
    } while (byte == 255);
    return byte < 0 ? -1 : number;
}

static bool h264_is_key(const uint8_t *nal, size_t size)
{
    struct payload payload = {nal + 1, nal + size, 0};
    if (h264_type(nal) != H264_SEI)
        return h264_type(nal) == H264_IDR;
    // The last byte ends the NAL and begins no message.
    while (payload.stop - payload.at > 1) {
        const int type = next_number(&payload), bytes = next_number(&payload);
        if (type == SEI_RECOVERY_POINT && bytes > 0)
            return true;
        for (int i = 0; i < bytes && next_byte(&payload) >= 0; i++)
            continue;
    }
    return false;
}

static bool h264_is_set(const uint8_t *nal, size_t size)
{
    const uint8_t type = size > 1 ? nal[0] & 0x9f : 0;
    return type == H264_SPS || type == H264_PPS || type == H264_SUBSET_SPS;
}

static void h264_restore(const uint8_t *payload, uint8_t *out)
{
    out[0] = (payload[0] & 0xe0) | (payload[1] & 0x1f);
}

static uint8_t h265_type(const uint8_t *nal)
{
    return nal[0] >> 1 & 0x3f;
}

static void h265_look(const uint8_t *nal, size_t size, struct nj_nal_head *out)
{
    const uint8_t type = h265_type(nal);
    const bool base = (nal[0] & 1) == 0 && nal[1] >> 3 == 0; // of the only layer that is decoded
    const bool first = size > 2 && nal[2] >> 7 != 0;         // first_slice_segment_in_pic_flag
    out->valid = type < H265_AP && nal[0] >> 7 == 0 && (nal[1] & 7) != 0;
    out->picture = type < H265_VPS;
    out->opens = base && ((out->picture && first) || (type >= H265_VPS && type <= H265_DELIMITER) ||
                          type == H265_PREFIX_SEI ||
                          (type >= H265_RESERVED_FIRST && type <= H265_RESERVED_LAST));
}

static bool h265_is_key(const uint8_t *nal, size_t size)
{
    (void)size;
    return h265_type(nal) >= H265_IRAP_FIRST && h265_type(nal) <= H265_IRAP_LAST;
}

static bool h265_is_set(const uint8_t *nal, size_t size)
{
    return size > 2 && nal[0] >> 7 == 0 && h265_type(nal) >= H265_VPS && h265_type(nal) <= H265_PPS;
}

static void h265_restore(const uint8_t *payload, uint8_t *out)
{
    out[0] = (uint8_t)((payload[0] & 0x81) | (payload[2] & 0x3f) << 1);
    out[1] = payload[1];
}

const struct nj_nal_codec nj_nal_h264 = {
    .id = AV_CODEC_ID_H264,
    .head_bytes = 1,
    .together = H264_STAP_A,
    .fragment = H264_FU_A,
    .type = h264_type,
    .look = h264_look,
    .is_key = h264_is_key,
    .is_set = h264_is_set,
    .restore = h264_restore,
};

const struct nj_nal_codec nj_nal_h265 = {
    .id = AV_CODEC_ID_HEVC,
    .head_bytes = 2,
    .together = H265_AP,
    .fragment = H265_FU,
    .type = h265_type,
    .look = h265_look,
    .is_key = h265_is_key,
    .is_set = h265_is_set,
    .restore = h265_restore,
};
