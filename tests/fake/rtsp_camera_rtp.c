// SPDX-License-Identifier: Apache-2.0
// RTP packets of a frame (RFC 6184: single NAL, STAP-A, FU-A) and sender reports (RFC 3550), framed
// for the RTSP connection.
#include "tests/fake/rtsp_camera_priv.h"

#include <string.h>

enum {
    RTP_HEAD = 12,
    STAP_A = 24,
    FU_A = 28,
    REPORT_BYTES = 28,
    NAME_BYTES = 20, // the source description with a CNAME, as every report needs
    JUMP_FRAMES = 16,
    JUMP_TICKS = 5 * 3600 * 90000,
    CORRUPT_FROM = 3, // bytes left whole: NAL header, FU header, slice's first
};

static const uint32_t ntp_of_1970 = 0x83AA7E80; // seconds from 1900

static void put16(uint8_t *out, unsigned value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void put32(uint8_t *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out + 2, value & 0xffff);
}

static int payload_type(const struct camera_conn *conn, int track)
{
    if (track == CAMERA_VIDEO)
        return conn->mount->faults.payload_type ? conn->mount->faults.payload_type
                                                : CAMERA_VIDEO_TYPE;
    return conn->mount->audio == NJ_TEST_CAMERA_AAC ? CAMERA_AAC_TYPE : CAMERA_PCMU_TYPE;
}

// Turns bits here and there, and leaves the headers right.
static void corrupt(uint8_t *payload, size_t size)
{
    for (size_t at = CORRUPT_FROM; at < size; at += 97)
        payload[at] ^= (uint8_t)(1u << (at % 8));
}

static bool is_nth(uint64_t count, int every)
{
    return every > 0 && count % (uint64_t)every == 0;
}

// Applies the faults of the video's packets; false when this one is lost.
static bool meet_faults(struct camera_conn *conn, uint8_t *payload, size_t size)
{
    struct camera_mount *mount = conn->mount;
    mount->video_packets++;
    if (is_nth(mount->video_packets, mount->faults.lose_every)) {
        camera_count(conn, packets_lost, 1);
        return false;
    }
    if (is_nth(mount->video_packets, mount->faults.corrupt_every)) {
        corrupt(payload, size);
        camera_count(conn, packets_corrupt, 1);
    }
    return true;
}

// The payload is parts[0] of the small array `bytes` and then parts[1] of the media.
void camera_send_packet(struct camera_conn *conn, int index, uint32_t stamp, bool marker,
                        const struct camera_span parts[2], const uint8_t *bytes)
{
    struct camera_track *track = &conn->session.tracks[index];
    const uint8_t *media = (const uint8_t *)conn->session.media->bytes.data;
    size_t size = parts[0].size + parts[1].size;
    uint8_t packet[4 + RTP_HEAD + CAMERA_PAYLOAD_MAX_BYTES + 16];
    if (size > sizeof(packet) - 4 - RTP_HEAD)
        return;
    packet[0] = '$';
    packet[1] = track->channel;
    put16(packet + 2, (unsigned)(RTP_HEAD + size));
    packet[4] = 0x80;
    packet[5] = (uint8_t)(payload_type(conn, index) | (marker ? 0x80 : 0));
    put16(packet + 6, track->seq++);
    put32(packet + 8, track->base + stamp);
    put32(packet + 12, track->ssrc);
    uint8_t *payload = packet + 4 + RTP_HEAD;
    if (parts[0].size)
        memcpy(payload, bytes + parts[0].offset, parts[0].size);
    if (parts[1].size)
        memcpy(payload + parts[0].size, media + parts[1].offset, parts[1].size);
    track->packets++;
    track->octets += (uint32_t)size;
    track->last_stamp = stamp;
    if (index == CAMERA_VIDEO && !meet_faults(conn, payload, size))
        return;
    camera_count(conn, packets, 1);
    nj_buf_append(&conn->out, packet, 4 + RTP_HEAD + size);
}

static void send_fragments(struct camera_conn *conn, uint32_t stamp, struct camera_span nal,
                           bool last_nal)
{
    const uint8_t *media = (const uint8_t *)conn->session.media->bytes.data;
    uint8_t header = media[nal.offset];
    size_t left = nal.size - 1, at = nal.offset + 1;
    for (bool first = true; left; first = false) {
        size_t size = left < CAMERA_PAYLOAD_MAX_BYTES - 2 ? left : CAMERA_PAYLOAD_MAX_BYTES - 2;
        bool end = size == left;
        uint8_t head[2] = {(uint8_t)((header & 0xe0) | FU_A),
                           (uint8_t)((header & 0x1f) | (first ? 0x80 : 0) | (end ? 0x40 : 0))};
        const struct camera_span parts[2] = {{0, 2}, {at, size}};
        camera_send_packet(conn, CAMERA_VIDEO, stamp, end && last_nal, parts, head);
        at += size;
        left -= size;
    }
}

static bool is_slice(const struct camera_conn *conn, struct camera_span nal)
{
    const uint8_t type = (uint8_t)conn->session.media->bytes.data[nal.offset] & 0x1f;
    return type == 1 || type == 5;
}

// Number of NALs from `nals` on that fit together into one packet, and their size there.
static size_t gather(const struct camera_span *nals, size_t count, size_t *size)
{
    size_t n = 0;
    *size = 1;
    while (n < count && *size + 2 + nals[n].size <= CAMERA_PAYLOAD_MAX_BYTES)
        *size += 2 + nals[n++].size;
    return n;
}

static void send_together(struct camera_conn *conn, uint32_t stamp, const struct camera_span *nals,
                          size_t count, bool last)
{
    const uint8_t *media = (const uint8_t *)conn->session.media->bytes.data;
    uint8_t payload[CAMERA_PAYLOAD_MAX_BYTES];
    uint8_t importance = 0;
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        uint8_t header = media[nals[i].offset];
        if ((header & 0x60) > importance)
            importance = header & 0x60;
        put16(payload + size, (unsigned)nals[i].size);
        memcpy(payload + size + 2, media + nals[i].offset, nals[i].size);
        size += 2 + nals[i].size;
    }
    payload[0] = importance | STAP_A;
    const struct camera_span parts[2] = {{0, size}, {0, 0}};
    camera_send_packet(conn, CAMERA_VIDEO, stamp, last, parts, payload);
}

void camera_send_unit(struct camera_conn *conn, const struct camera_unit *unit, nj_us base_us)
{
    const struct camera_span *nals = conn->session.media->nals + unit->first_nal;
    const bool mark_slices = conn->mount->faults.mark_slices;
    uint32_t stamp = (uint32_t)((base_us + unit->pts_us) * 9 / 100);
    if (conn->mount->faults.jump_stamps && conn->session.next / JUMP_FRAMES % 2 != 0)
        stamp += JUMP_TICKS;
    for (size_t i = 0; i < unit->nal_count;) {
        size_t size;
        size_t together = gather(nals + i, mark_slices ? 1 : unit->nal_count - i, &size);
        bool last = i + (together ? together : 1) == unit->nal_count ||
                    (mark_slices && is_slice(conn, nals[i]));
        if (together > 1) {
            send_together(conn, stamp, nals + i, together, last);
        } else if (together == 1) {
            const struct camera_span parts[2] = {{0, 0}, nals[i]};
            camera_send_packet(conn, CAMERA_VIDEO, stamp, last, parts, NULL);
        } else {
            send_fragments(conn, stamp, nals[i], last);
        }
        i += together ? together : 1;
    }
    camera_count(conn, frames, 1);
}

void camera_send_report(struct camera_conn *conn, int index, nj_us media_us)
{
    const struct camera_track *track = &conn->session.tracks[index];
    uint8_t packet[4 + REPORT_BYTES + NAME_BYTES] = {'$', (uint8_t)(track->channel + 1), 0,
                                                     REPORT_BYTES + NAME_BYTES};
    uint8_t *report = packet + 4;
    // Its clocks go at the media's pace, or a fast camera's two clocks would contradict each other.
    nj_us wall = conn->session.origin_wall_us + media_us;
    int64_t rate = camera_track_rate(conn->mount, index);
    report[0] = 0x80;
    report[1] = 200;
    put16(report + 2, REPORT_BYTES / 4 - 1);
    put32(report + 4, track->ssrc);
    put32(report + 8, (uint32_t)(wall / NJ_US_PER_S) + ntp_of_1970);
    put32(report + 12, (uint32_t)(((wall % NJ_US_PER_S) << 32) / NJ_US_PER_S));
    put32(report + 16, track->base + (uint32_t)(media_us * rate / NJ_US_PER_S));
    put32(report + 20, track->packets);
    put32(report + 24, track->octets);
    uint8_t *name = report + REPORT_BYTES;
    name[0] = 0x81;
    name[1] = 202;
    put16(name + 2, NAME_BYTES / 4 - 1);
    put32(name + 4, track->ssrc);
    name[8] = 1; // CNAME
    name[9] = 6;
    memcpy(name + 10, "camera", 6);
    nj_buf_append(&conn->out, packet, sizeof(packet));
}
