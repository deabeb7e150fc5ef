// SPDX-License-Identifier: Apache-2.0
// Which frame of the file a client gets next, and when.
#include "tests/fake/rtsp_camera_priv.h"

#include <string.h>

enum {
    REPORT_INTERVAL_US = 1000000,
    PCMU_PACKET = 320, // samples: 40 ms
    PCMU_RATE = 8000,
    VIDEO_RATE = 90000,
};

int camera_track_rate(const struct camera_mount *mount, int track)
{
    if (track == CAMERA_VIDEO)
        return VIDEO_RATE;
    return mount->audio == NJ_TEST_CAMERA_AAC ? mount->media->sound_rate : PCMU_RATE;
}

// Real time at which `media_us` is due.
static nj_us due_at(const struct camera_conn *conn, nj_us media_us)
{
    double speed = conn->mount->speed;
    return speed > 0 ? conn->session.origin_us + (nj_us)((double)media_us / speed) : 0;
}

static nj_us video_next_us(const struct camera_session *session)
{
    return session->base_us + session->media->units[session->next].dts_us;
}

// Media time now. An unpaced camera is where it has sent.
static nj_us media_now_us(const struct camera_conn *conn)
{
    double speed = conn->mount->speed;
    if (speed > 0)
        return (nj_us)((double)(camera_now_us() - conn->session.origin_us) * speed);
    return video_next_us(&conn->session);
}

static nj_us sound_next_us(const struct camera_conn *conn)
{
    const struct camera_session *session = &conn->session;
    if (!session->tracks[CAMERA_AUDIO].set_up)
        return INT64_MAX;
    if (conn->mount->audio == NJ_TEST_CAMERA_PCMU)
        return session->sound_base_us +
               (nj_us)session->next_sound * PCMU_PACKET * NJ_US_PER_S / PCMU_RATE;
    if (!session->media->sound_count)
        return INT64_MAX; // the file that the mount was switched to has none
    return session->sound_base_us + session->media->sounds[session->next_sound].dts_us;
}

void camera_play_start(struct camera_conn *conn)
{
    struct camera_session *session = &conn->session;
    session->playing = true;
    session->media = conn->mount->media;
    session->media->refs++;
    session->origin_us = camera_now_us();
    session->origin_wall_us = nj_wall_us(nj_clock_real());
    session->base_us = session->sound_base_us = 0;
    session->next = conn->mount->faults.join_mid_gop && session->media->unit_count > 1 ? 1 : 0;
    session->next_sound = 0;
    session->frozen_at_us = conn->mount->faults.frozen ? 0 : -1;
    session->next_report_us = session->origin_us + REPORT_INTERVAL_US;
    camera_count(conn, playing_now, 1);
}

void camera_play_stop(struct camera_conn *conn)
{
    if (!conn->session.playing)
        return;
    conn->session.playing = false;
    camera_media_unref(conn->session.media);
    conn->session.media = NULL;
    camera_count(conn, playing_now, -1);
}

void camera_play_switch(struct camera_conn *conn)
{
    struct camera_session *session = &conn->session;
    nj_us next = video_next_us(session);
    camera_media_unref(session->media);
    session->media = conn->mount->media;
    session->media->refs++;
    session->base_us = next;
    session->next = 0;
    if (conn->mount->audio == NJ_TEST_CAMERA_AAC) {
        session->sound_base_us = next;
        session->next_sound = 0;
    }
}

void camera_play_freeze(struct camera_conn *conn, bool frozen)
{
    struct camera_session *session = &conn->session;
    if (frozen == (session->frozen_at_us >= 0))
        return;
    if (frozen) {
        session->frozen_at_us = media_now_us(conn);
        return;
    }
    nj_us gap = media_now_us(conn) - session->frozen_at_us;
    session->base_us += gap;
    session->sound_base_us += gap;
    session->frozen_at_us = -1;
}

static void send_video(struct camera_conn *conn)
{
    struct camera_session *session = &conn->session;
    camera_send_unit(conn, &session->media->units[session->next], session->base_us);
    if (++session->next == session->media->unit_count) {
        session->next = 0;
        session->base_us += session->media->duration_us;
    }
}

static void send_tone(struct camera_conn *conn, uint32_t stamp)
{
    // One period of 500 Hz in µ-law, loud and then soft.
    static const uint8_t period[16] = {0xff, 0xa8, 0x9a, 0x94, 0x92, 0x94, 0x9a, 0xa8,
                                       0xff, 0x28, 0x1a, 0x14, 0x12, 0x14, 0x1a, 0x28};
    uint8_t samples[PCMU_PACKET];
    for (size_t i = 0; i < PCMU_PACKET; i += sizeof(period))
        memcpy(samples + i, period, sizeof(period));
    const struct camera_span parts[2] = {{0, PCMU_PACKET}, {0, 0}};
    camera_send_packet(conn, CAMERA_AUDIO, stamp, false, parts, samples);
}

static void send_sound(struct camera_conn *conn)
{
    struct camera_session *session = &conn->session;
    int64_t rate = camera_track_rate(conn->mount, CAMERA_AUDIO);
    uint32_t stamp = (uint32_t)(sound_next_us(conn) * rate / NJ_US_PER_S);
    if (conn->mount->audio == NJ_TEST_CAMERA_PCMU) {
        send_tone(conn, stamp);
        session->next_sound++;
        return;
    }
    const struct camera_sound *sound = &session->media->sounds[session->next_sound];
    // RFC 3640, AAC-hbr: one header of 16 bits, 13 of them the size.
    uint8_t header[4] = {0, 16, (uint8_t)(sound->span.size >> 5), (uint8_t)(sound->span.size << 3)};
    const struct camera_span parts[2] = {{0, sizeof(header)}, sound->span};
    camera_send_packet(conn, CAMERA_AUDIO, stamp, true, parts, header);
    if (++session->next_sound == session->media->sound_count) {
        session->next_sound = 0;
        session->sound_base_us += session->media->sound_duration_us;
    }
}

static nj_us media_due(const struct camera_conn *conn)
{
    const struct camera_session *session = &conn->session;
    if (session->frozen_at_us >= 0 || conn->out.length > CAMERA_OUT_HIGH_BYTES)
        return INT64_MAX;
    nj_us video = session->tracks[CAMERA_VIDEO].set_up ? video_next_us(session) : INT64_MAX;
    nj_us sound = sound_next_us(conn);
    nj_us next = video < sound ? video : sound;
    return next == INT64_MAX ? INT64_MAX : due_at(conn, next);
}

nj_us camera_play_due(const struct camera_conn *conn)
{
    if (conn->dead || conn->closing || !conn->session.playing)
        return INT64_MAX;
    nj_us media = media_due(conn);
    return media < conn->session.next_report_us ? media : conn->session.next_report_us;
}

void camera_play_tend(struct camera_conn *conn)
{
    struct camera_session *session = &conn->session;
    nj_us now = camera_now_us();
    if (conn->dead || conn->closing || !session->playing)
        return;
    if (now >= session->next_report_us) {
        for (int track = 0; track < CAMERA_TRACKS; track++)
            if (session->tracks[track].set_up)
                camera_send_report(conn, track, media_now_us(conn));
        session->next_report_us = now + REPORT_INTERVAL_US;
    }
    while (media_due(conn) <= now) {
        bool video =
            session->tracks[CAMERA_VIDEO].set_up && video_next_us(session) <= sound_next_us(conn);
        if (video)
            send_video(conn);
        else
            send_sound(conn);
    }
}
