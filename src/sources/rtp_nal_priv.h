// SPDX-License-Identifier: Apache-2.0
// What the heads of NAL units tell of H.264 (RFC 6184) and H.265 (RFC 7798), and the numbers of the
// forms in which RTP carries them.
#ifndef NJ_SOURCES_RTP_NAL_PRIV_H
#define NJ_SOURCES_RTP_NAL_PRIV_H

#include <libavcodec/codec_id.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NJ_NAL_HEAD_MAX = 2 }; // bytes

struct nj_nal_head {
    bool valid;   // one that a decoder may see
    bool picture; // a part of a picture
    bool opens;   // whatever picture was before is whole
};

struct nj_nal_codec {
    enum AVCodecID id;
    size_t head_bytes;          // NJ_NAL_HEAD_MAX at most
    uint8_t together, fragment; // types of the forms in RTP
    uint8_t (*type)(const uint8_t *nal);
    // Of a NAL whose first bytes are here; `size` at least head_bytes.
    void (*look)(const uint8_t *nal, size_t size, struct nj_nal_head *out);
    // Decoding may begin with the picture to which this whole NAL belongs.
    bool (*is_key)(const uint8_t *nal, size_t size);
    // A parameter set.
    bool (*is_set)(const uint8_t *nal, size_t size);
    // Writes the head of a NAL that came in fragments; `payload` has head_bytes and one more.
    void (*restore)(const uint8_t *payload, uint8_t *out);
};

extern const struct nj_nal_codec nj_nal_h264, nj_nal_h265;

#endif
