// SPDX-License-Identifier: Apache-2.0
// The head of an RTP packet (RFC 3550, 5.1), the order of packets, and their times.
#ifndef NJ_SOURCES_RTP_PACKET_PRIV_H
#define NJ_SOURCES_RTP_PACKET_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nj_rtp_kind {
    NJ_RTP_BROKEN,
    NJ_RTP_CONTROL, // RTCP, told apart by RFC 5761, 4
    NJ_RTP_MEDIA
};

struct nj_rtp_packet {
    bool marker;
    uint8_t type;
    uint16_t sequence;
    uint32_t timestamp, source;
    const uint8_t *payload; // borrowed; without the padding
    size_t size;            // may be 0
};

// `out` is written for NJ_RTP_MEDIA alone.
enum nj_rtp_kind nj_rtp_packet_read(const uint8_t *bytes, size_t length, struct nj_rtp_packet *out);

enum nj_rtp_place {
    NJ_RTP_NEXT,
    NJ_RTP_GAP,  // packets before it are lost
    NJ_RTP_LATE, // it was taken, or given up, before
    NJ_RTP_FRESH // the first one of its sender
};

// Zeroed is before the first packet.
struct nj_rtp_order {
    bool begun;
    uint32_t source;
    uint16_t next;
    uint64_t lost; // packets in gaps; a gap so wide that the sender began anew tells of none
};

enum nj_rtp_place nj_rtp_order_note(struct nj_rtp_order *order, const struct nj_rtp_packet *packet);

// Timestamps of 32 bits as times that go on; zeroed is before the first one, which is 0.
struct nj_rtp_clock {
    bool begun;
    uint32_t last;
    int64_t time;
};

int64_t nj_rtp_clock_time(struct nj_rtp_clock *clock, uint32_t timestamp);

#endif
