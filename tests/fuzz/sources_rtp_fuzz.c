// SPDX-License-Identifier: Apache-2.0
// Packets of RTP of a camera, put together to pictures of H.264 and H.265.
//
// First byte: its lowest bit picks the codec; with the next one, packets are raw. Then packets: a
// byte of how it goes on (0x80 marker, 0x40 a large one, 0x38 steps of time, 7 of the sequence), a
// byte of length, the payload (or all of the packet); after one of nothing, nothing comes for a
// while.
#include "sources/rtp_unit_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPE = 96, HEAD = 12, LARGE = 200, RAW = 2 };

struct sender {
    struct nj_rtp_units units;
    AVPacket *packet;
    uint16_t sequence;
    uint32_t timestamp;
};

static void take_all(struct sender *sender)
{
    int count = 0;
    for (; nj_rtp_units_take(&sender->units, sender->packet); count++)
        if (sender->packet->size <= 4 || sender->packet->size > NJ_RTP_UNIT_MAX ||
            memcmp(sender->packet->data, "\0\0\0\1", 4) != 0)
            abort();
    if (count > NJ_RTP_UNITS_DONE_MAX)
        abort();
    av_packet_unref(sender->packet);
}

// In memory of its own size, so that a look beyond it is seen.
static void push(struct sender *sender, uint8_t how, const uint8_t *payload, size_t size)
{
    const size_t times = (how & 0x40) != 0 ? LARGE : 1;
    uint8_t *packet = calloc(1, HEAD + times * size);
    if (!packet)
        return;
    sender->sequence = (uint16_t)(sender->sequence + (how & 7));
    sender->timestamp += (uint32_t)(how >> 3 & 7) * 3000;
    packet[0] = 0x80;
    packet[1] = TYPE | (how & 0x80);
    packet[2] = (uint8_t)(sender->sequence >> 8);
    packet[3] = (uint8_t)sender->sequence;
    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(sender->timestamp >> (24 - 8 * i));
    for (size_t i = 0; size > 0 && i < times; i++)
        memcpy(packet + HEAD + i * size, payload, size);
    (void)nj_rtp_units_push(&sender->units, packet, HEAD + times * size, NULL);
    free(packet);
    take_all(sender);
}

static void push_raw(struct sender *sender, const uint8_t *bytes, size_t size)
{
    uint8_t *packet = malloc(size > 0 ? size : 1);
    if (!packet)
        return;
    if (size > 0)
        memcpy(packet, bytes, size);
    (void)nj_rtp_units_push(&sender->units, packet, size, NULL);
    free(packet);
    take_all(sender);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const bool raw = (data[0] & RAW) != 0;
    struct sender sender = {.packet = av_packet_alloc()};
    sender.units.codec = (data[0] & 1) != 0 ? &nj_nal_h265 : &nj_nal_h264;
    sender.units.type = TYPE;
    data++;
    size--;
    while (sender.packet && size >= 2) {
        const size_t length = data[1] < size - 2 ? data[1] : size - 2;
        if (raw)
            push_raw(&sender, data + 2, length);
        else
            push(&sender, data[0], data + 2, length);
        if (length == 0) { // nothing came for a while
            nj_rtp_units_settle(&sender.units);
            take_all(&sender);
        }
        data += 2 + length;
        size -= 2 + length;
    }
    nj_rtp_units_finish(&sender.units);
    av_packet_free(&sender.packet);
    return 0;
}
