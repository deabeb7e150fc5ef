// SPDX-License-Identifier: Apache-2.0
// From packets to pictures: the forms of payload, what ends a picture, and what is lost.
#include "sources/rtp_unit_priv.h"

#include <libavcodec/avcodec.h>

#include <string.h>

enum {
    FIRST_BYTES = 16 * 1024,
    LENGTH_BYTES = 2, // before each of several NALs in a packet
    FRAGMENT_BEGINS = 0x80,
    FRAGMENT_ENDS = 0x40,
};

static const uint8_t start_code[] = {0, 0, 0, 1};

static void drop_unit(struct nj_rtp_unit *unit)
{
    av_buffer_unref(&unit->buffer);
    *unit = (struct nj_rtp_unit){.time = unit->time, .damaged = unit->damaged};
}

// NJ_E_NOMEM, NJ_E_TOO_BIG.
static int reserve(struct nj_rtp_unit *unit, size_t size)
{
    const size_t needed = unit->length + size + AV_INPUT_BUFFER_PADDING_SIZE;
    size_t capacity = unit->buffer ? unit->buffer->size : 0;
    if (needed <= capacity)
        return 0;
    if (needed > NJ_RTP_UNIT_MAX)
        return NJ_E_TOO_BIG;
    capacity = capacity > 0 ? capacity : FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    return av_buffer_realloc(&unit->buffer, capacity) < 0 ? NJ_E_NOMEM : 0;
}

static void append(struct nj_rtp_unit *unit, const uint8_t *bytes, size_t size)
{
    memcpy(unit->buffer->data + unit->length, bytes, size);
    unit->length += size;
}

static int begin_nal(struct nj_rtp_unit *unit, const uint8_t *bytes, size_t size)
{
    int rc = reserve(unit, sizeof start_code + size);
    if (rc != 0)
        return rc;
    append(unit, start_code, sizeof start_code);
    unit->nal = unit->length;
    append(unit, bytes, size);
    return 0;
}

static int go_on(struct nj_rtp_unit *unit, const uint8_t *bytes, size_t size)
{
    int rc = reserve(unit, size);
    if (rc == 0)
        append(unit, bytes, size);
    return rc;
}

// The NAL under way is whole.
static void end_nal(struct nj_rtp_unit *unit, const struct nj_nal_codec *codec)
{
    struct nj_nal_head head;
    if (unit->nal == 0)
        return;
    const uint8_t *nal = unit->buffer->data + unit->nal;
    codec->look(nal, unit->length - unit->nal, &head);
    unit->picture = unit->picture || head.picture;
    unit->key = unit->key || codec->is_key(nal, unit->length - unit->nal);
    unit->nal = 0;
}

static void lose_nal(struct nj_rtp_unit *unit)
{
    if (unit->nal > 0)
        unit->length = unit->nal - sizeof start_code;
    unit->nal = 0;
    unit->damaged = true;
}

// What has no picture stays for the one that follows: parameter sets, mostly.
static void end_unit(struct nj_rtp_units *units)
{
    if (!units->unit.picture)
        return;
    units->done[units->done_count++] = units->unit;
    units->unit = (struct nj_rtp_unit){.time = units->unit.time};
}

void nj_rtp_units_settle(struct nj_rtp_units *units)
{
    if (!units->in_doubt)
        return;
    units->in_doubt = false;
    units->marker_holds = true;
    end_unit(units);
}

// A fragment, and not the first one of its NAL.
static bool is_later_fragment(const struct nj_nal_codec *codec, const struct nj_rtp_packet *packet)
{
    return codec->type(packet->payload) == codec->fragment &&
           packet->size > codec->head_bytes + 1u &&
           (packet->payload[codec->head_bytes] & FRAGMENT_BEGINS) == 0;
}

// What the packet tells of the first NAL in it; all false when that is none.
static struct nj_nal_head look_at_first(const struct nj_nal_codec *codec,
                                        const struct nj_rtp_packet *packet)
{
    struct nj_nal_head out = {.valid = false};
    const uint8_t *nal = packet->payload, type = codec->type(nal);
    const size_t lead = codec->head_bytes + (type == codec->together ? LENGTH_BYTES : 1);
    size_t size = packet->size;
    uint8_t head[NJ_NAL_HEAD_MAX + 1];
    if (type == codec->together) {
        nal += lead;
        size = size > lead ? size - lead : 0;
    } else if (type == codec->fragment) {
        if (size <= lead)
            return out;
        codec->restore(nal, head);
        head[codec->head_bytes] = nal[lead];
        nal = head;
        size = codec->head_bytes + 1u;
    }
    if (size >= codec->head_bytes)
        codec->look(nal, size, &out);
    return out.valid ? out : (struct nj_nal_head){.valid = false};
}

// A slice that goes on with a picture which a mark had ended.
static bool belies_marker(const struct nj_rtp_units *units, const struct nj_nal_head *head,
                          int64_t time)
{
    return head->picture && !head->opens && units->marked && time == units->marked_time;
}

// Ends the picture under way when this packet belongs to the next one.
static void part_pictures(struct nj_rtp_units *units, const struct nj_rtp_packet *packet,
                          int64_t time)
{
    struct nj_rtp_unit *unit = &units->unit;
    struct nj_nal_head head = {.valid = false};
    const bool moved = time != unit->time;
    if (!is_later_fragment(units->codec, packet))
        head = look_at_first(units->codec, packet);
    if (head.valid || moved)
        end_nal(unit, units->codec); // some do not tell the end of fragments
    if (moved || head.opens) {
        nj_rtp_units_settle(units);
        end_unit(units);
    }
    if (belies_marker(units, &head, time)) {
        units->marker_lies = true;
        units->in_doubt = false;
    }
    if (moved && unit->damaged)
        unit->key = false; // what said so may be of a picture that is lost
    unit->time = time;
}

static int take_single(struct nj_rtp_units *units, const uint8_t *nal, size_t size)
{
    struct nj_nal_head head = {.valid = false};
    if (size >= units->codec->head_bytes)
        units->codec->look(nal, size, &head);
    if (!head.valid) {
        units->unit.damaged = true;
        return 0;
    }
    int rc = begin_nal(&units->unit, nal, size);
    end_nal(&units->unit, units->codec);
    return rc;
}

static int take_together(struct nj_rtp_units *units, const uint8_t *at, size_t left)
{
    int rc = 0;
    while (rc == 0 && left > LENGTH_BYTES) {
        const size_t size = (size_t)at[0] << 8 | at[1];
        at += LENGTH_BYTES;
        left -= LENGTH_BYTES;
        if (size > left)
            break;
        rc = take_single(units, at, size);
        at += size;
        left -= size;
    }
    units->unit.damaged = units->unit.damaged || left > 0;
    return rc;
}

static int take_fragment(struct nj_rtp_units *units, const struct nj_rtp_packet *packet)
{
    const struct nj_nal_codec *codec = units->codec;
    const size_t lead = codec->head_bytes + 1u;
    struct nj_rtp_unit *unit = &units->unit;
    struct nj_nal_head head;
    uint8_t whole[NJ_NAL_HEAD_MAX];
    int rc = 0;
    if (packet->size <= lead) {
        lose_nal(unit);
        return 0;
    }
    if ((packet->payload[codec->head_bytes] & FRAGMENT_BEGINS) != 0) {
        end_nal(unit, codec);
        codec->restore(packet->payload, whole);
        codec->look(whole, codec->head_bytes, &head);
        if (head.valid)
            rc = begin_nal(unit, whole, codec->head_bytes);
    }
    if (rc != 0)
        return rc;
    if (unit->nal > 0)
        rc = go_on(unit, packet->payload + lead, packet->size - lead);
    else
        unit->damaged = true; // its beginning is missing
    if (rc == 0 && (packet->payload[codec->head_bytes] & FRAGMENT_ENDS) != 0)
        end_nal(unit, codec);
    return rc;
}

static int take_payload(struct nj_rtp_units *units, const struct nj_rtp_packet *packet)
{
    const struct nj_nal_codec *codec = units->codec;
    const uint8_t type = codec->type(packet->payload);
    if (type == codec->fragment)
        return take_fragment(units, packet);
    if (type == codec->together)
        return take_together(units, packet->payload + codec->head_bytes,
                             packet->size - codec->head_bytes);
    return take_single(units, packet->payload, packet->size);
}

static void note_place(struct nj_rtp_units *units, enum nj_rtp_place place)
{
    if (place != NJ_RTP_NEXT) // what is missing may be of the next picture
        nj_rtp_units_settle(units);
    if (place == NJ_RTP_GAP)
        lose_nal(&units->unit);
    if (place == NJ_RTP_FRESH) { // its times have nothing to do with those before
        drop_unit(&units->unit);
        units->clock.begun = units->marked = false;
    }
}

// A mark amid fragments is none: the NAL under way is not whole.
static void note_mark(struct nj_rtp_units *units, int64_t time)
{
    if (units->marker_lies || units->unit.nal > 0 || !units->unit.picture)
        return;
    units->marked = true;
    units->marked_time = time;
    units->in_doubt = true;
    if (units->marker_holds)
        nj_rtp_units_settle(units);
}

int nj_rtp_units_push(struct nj_rtp_units *units, const uint8_t *packet, size_t length,
                      struct nj_error *err)
{
    struct nj_rtp_packet media;
    if (nj_rtp_packet_read(packet, length, &media) != NJ_RTP_MEDIA || media.type != units->type)
        return 0;
    const enum nj_rtp_place place = nj_rtp_order_note(&units->order, &media);
    if (place == NJ_RTP_LATE)
        return 0;
    note_place(units, place);
    if (media.size < units->codec->head_bytes)
        return 0; // some keep a connection open by packets of nothing
    const int64_t time = nj_rtp_clock_time(&units->clock, media.timestamp);
    part_pictures(units, &media, time);
    units->unit.damaged = units->unit.damaged || place == NJ_RTP_GAP;
    int rc = take_payload(units, &media);
    if (rc == NJ_E_NOMEM)
        return nj_error_set(err, rc, "no memory for a picture");
    if (rc != 0) { // too big: what follows of it begins anew
        drop_unit(&units->unit);
        units->unit.damaged = true;
    }
    if (media.marker)
        note_mark(units, time);
    return 0;
}

static void hand_out(struct nj_rtp_unit *unit, AVPacket *out)
{
    // Gives back what was reserved; kept as it is when that fails.
    (void)av_buffer_realloc(&unit->buffer, unit->length + AV_INPUT_BUFFER_PADDING_SIZE);
    memset(unit->buffer->data + unit->length, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    out->buf = unit->buffer;
    out->data = unit->buffer->data;
    out->size = (int)unit->length;
    out->pts = unit->time;
    out->flags = (unit->key ? AV_PKT_FLAG_KEY : 0) | (unit->damaged ? AV_PKT_FLAG_CORRUPT : 0);
    *unit = (struct nj_rtp_unit){.buffer = NULL};
}

bool nj_rtp_units_take(struct nj_rtp_units *units, AVPacket *out)
{
    if (units->done_count == 0)
        return false;
    av_packet_unref(out);
    hand_out(&units->done[0], out);
    units->done[0] = units->done[1];
    units->done[1] = (struct nj_rtp_unit){.buffer = NULL};
    units->done_count--;
    return true;
}

void nj_rtp_units_finish(struct nj_rtp_units *units)
{
    drop_unit(&units->unit);
    for (size_t i = 0; i < NJ_RTP_UNITS_DONE_MAX; i++)
        drop_unit(&units->done[i]);
    units->done_count = 0;
}
