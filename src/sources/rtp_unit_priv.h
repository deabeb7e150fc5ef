// SPDX-License-Identifier: Apache-2.0
// Pictures of H.264 and H.265 (access units), put together from RTP packets (RFC 6184, RFC 7798) as
// one stream of bytes each (Annex B). A picture is whole when its last packet came.
#ifndef NJ_SOURCES_RTP_UNIT_PRIV_H
#define NJ_SOURCES_RTP_UNIT_PRIV_H

#include "sources/rtp_nal_priv.h"
#include "sources/rtp_packet_priv.h"
#include "util/error.h"

#include <libavcodec/packet.h>

enum {
    NJ_RTP_UNIT_MAX = 8 * 1024 * 1024, // a keyframe of 4K at its best has half of that
    NJ_RTP_UNITS_DONE_MAX = 2, // that a packet ends: the picture before its own, and its own
};

struct nj_rtp_unit {
    AVBufferRef *buffer; // NULL: nothing yet
    size_t length;       // of what is in use
    size_t nal;          // where the NAL under way begins, behind its start code; 0: none is
    bool picture;        // a NAL of a picture is whole
    bool key;
    bool damaged; // something is missing
    int64_t time;
};

// Zeroed but for `codec` and `type` is before the first packet. Belongs to one thread.
struct nj_rtp_units {
    const struct nj_nal_codec *codec;
    uint8_t type; // of the payload; other packets are passed over
    struct nj_rtp_order order;
    struct nj_rtp_clock clock;
    struct nj_rtp_unit unit;                        // under way
    struct nj_rtp_unit done[NJ_RTP_UNITS_DONE_MAX]; // to be taken
    size_t done_count;
    bool marker_holds; // a mark was seen to be the end of a picture
    bool marker_lies;  // the camera marks more than the end of a picture
    bool in_doubt;     // the unit under way ends here, if its mark can be believed
    bool marked;       // a unit ended by its mark, at ...
    int64_t marked_time;
};

// One RTP or RTCP packet, borrowed. All that is whole was taken before. NJ_E_NOMEM.
int nj_rtp_units_push(struct nj_rtp_units *units, const uint8_t *packet, size_t length,
                      struct nj_error *err);
// The next whole picture, with its time (pts, in ticks of the payload's clock), AV_PKT_FLAG_KEY
// when decoding may begin with it, and AV_PKT_FLAG_CORRUPT when packets were lost before its end.
// False: there is none.
bool nj_rtp_units_take(struct nj_rtp_units *units, AVPacket *out);
// The first mark of all is believed when the next packet bears it out. When that one does not come
// for a while, as between pictures: the picture that it marks is whole.
void nj_rtp_units_settle(struct nj_rtp_units *units);
void nj_rtp_units_finish(struct nj_rtp_units *units);

#endif
