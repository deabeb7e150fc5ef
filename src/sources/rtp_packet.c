// SPDX-License-Identifier: Apache-2.0
// Reading the head of an RTP packet.
#include "sources/rtp_packet_priv.h"

enum {
    VERSION = 2,
    HEAD_BYTES = 12,
    WORD_BYTES = 4,
    EXTENSION_HEAD_BYTES = 4,
    CONTROL_FIRST = 192, // of the second byte (RFC 5761, 4)
    CONTROL_LAST = 223,
    LATE_MOST = 100,  // further back, the sender began anew (RFC 3550, A.1)
    LOST_MOST = 3000, // further ahead, too
};

static unsigned read16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)read16(bytes) << 16 | read16(bytes + 2);
}

// Bytes before the payload; 0: more than there are.
static size_t head_size(const uint8_t *bytes, size_t length)
{
    size_t size = HEAD_BYTES + (size_t)(bytes[0] & 15) * WORD_BYTES;
    if ((bytes[0] & 0x10) != 0) {
        if (length < size + EXTENSION_HEAD_BYTES)
            return 0;
        size += EXTENSION_HEAD_BYTES + (size_t)read16(bytes + size + 2) * WORD_BYTES;
    }
    return size <= length ? size : 0;
}

enum nj_rtp_kind nj_rtp_packet_read(const uint8_t *bytes, size_t length, struct nj_rtp_packet *out)
{
    if (length < 2 || bytes[0] >> 6 != VERSION)
        return NJ_RTP_BROKEN;
    if (bytes[1] >= CONTROL_FIRST && bytes[1] <= CONTROL_LAST)
        return NJ_RTP_CONTROL;
    const size_t head = length >= HEAD_BYTES ? head_size(bytes, length) : 0;
    if (head == 0)
        return NJ_RTP_BROKEN;
    size_t padding = 0;
    if ((bytes[0] & 0x20) != 0) {
        padding = bytes[length - 1];
        if (padding == 0 || padding > length - head)
            return NJ_RTP_BROKEN;
    }
    *out = (struct nj_rtp_packet){
        .marker = bytes[1] >> 7 != 0,
        .type = bytes[1] & 0x7f,
        .sequence = (uint16_t)read16(bytes + 2),
        .timestamp = read32(bytes + 4),
        .source = read32(bytes + 8),
        .payload = bytes + head,
        .size = length - head - padding,
    };
    return NJ_RTP_MEDIA;
}

enum nj_rtp_place nj_rtp_order_note(struct nj_rtp_order *order, const struct nj_rtp_packet *packet)
{
    const uint16_t back = (uint16_t)(order->next - packet->sequence);
    enum nj_rtp_place place = back == 0 ? NJ_RTP_NEXT : NJ_RTP_GAP;
    if (!order->begun || order->source != packet->source)
        place = NJ_RTP_FRESH;
    else if (back > 0 && back <= LATE_MOST)
        return NJ_RTP_LATE;
    const uint16_t missing = (uint16_t)-back;
    if (place == NJ_RTP_GAP && missing < LOST_MOST)
        order->lost += missing;
    order->begun = true;
    order->source = packet->source;
    order->next = (uint16_t)(packet->sequence + 1);
    return place;
}

int64_t nj_rtp_clock_time(struct nj_rtp_clock *clock, uint32_t timestamp)
{
    if (clock->begun) // the nearer way around: pictures may come out of order
        clock->time += (int32_t)(timestamp - clock->last);
    clock->begun = true;
    clock->last = timestamp;
    return clock->time;
}
