// SPDX-License-Identifier: Apache-2.0
// Inside of the test camera. One mutex guards everything; the thread holds it but while it polls.
//
// rtsp_camera.c         life and mounts           rtsp_camera_control.c controls
// rtsp_camera_count.c   counts, and waiting       rtsp_camera_loop.c    connections and the thread
// rtsp_camera_listen.c  listening                 rtsp_camera_answer.c  requests and their order
// rtsp_camera_rtsp.c    methods of RTSP           rtsp_camera_http.c    snapshots
// rtsp_camera_sdp.c     descriptions              rtsp_camera_auth.c    who asks
// rtsp_camera_play.c    which frame, and when     rtsp_camera_rtp.c     its packets
// rtsp_camera_media.c   files                     rtsp_camera_picture.c their pictures
// rtsp_camera_tls.c     the certificate
#ifndef NJ_FAKE_RTSP_CAMERA_PRIV_H
#define NJ_FAKE_RTSP_CAMERA_PRIV_H

#include "tests/fake/certificate.h"
#include "tests/fake/rtsp_camera.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/list.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stddef.h>

enum {
    CAMERA_PICTURES_MAX = 8,
    CAMERA_HEAD_MAX_BYTES = 16 * 1024,       // of a request
    CAMERA_OUT_MAX_BYTES = 64 * 1024 * 1024, // holds the largest wrong answer
    CAMERA_OUT_HIGH_BYTES = 256 * 1024,      // no frame is made while more than this waits
    CAMERA_PAYLOAD_MAX_BYTES = 1400,         // of an RTP packet
    CAMERA_VIDEO_TYPE = 96,
    CAMERA_AAC_TYPE = 97,
    CAMERA_PCMU_TYPE = 0,
    CAMERA_VIDEO = 0, // tracks
    CAMERA_AUDIO = 1,
    CAMERA_TRACKS = 2,
    CAMERA_NONCE_SIZE = 33,
};

struct camera_span {
    size_t offset, size; // in media.bytes
};

struct camera_unit {
    nj_us dts_us, pts_us; // from the first dts of the file
    size_t first_nal, nal_count;
};

struct camera_sound {
    nj_us dts_us;
    struct camera_span span;
};

// A file, read whole. Counted: sessions play on when the mount has another.
struct camera_media {
    int refs;
    struct nj_buf bytes;
    struct camera_span *nals;
    size_t nal_count, nal_capacity;
    struct camera_unit *units;
    size_t unit_count, unit_capacity;
    nj_us duration_us;
    struct camera_span sps, pps; // the first ones
    struct camera_sound *sounds;
    size_t sound_count, sound_capacity;
    nj_us sound_duration_us;
    int sound_rate, sound_channels;
    char sound_config[64]; // AudioSpecificConfig as hex; "" without AAC
    struct camera_span pictures[CAMERA_PICTURES_MAX];
    size_t picture_count;
};

struct camera_mount {
    char name[NJ_TEST_CAMERA_NAME_MAX];
    char user[64], password[64];
    int session_timeout_s;
    char redirect_to[NJ_TEST_CAMERA_URL_MAX];
    double speed; // 0: unpaced
    bool snapshots;
    enum nj_test_camera_audio audio;
    enum nj_test_camera_auth auth;
    struct nj_test_camera_faults faults;
    struct camera_media *media;
    nj_us down_until; // 0: up
    uint64_t video_packets;
    size_t next_picture;
    struct nj_test_camera_stats stats;
};

struct camera_track {
    bool set_up;
    uint8_t channel;
    uint16_t seq;
    uint32_t ssrc, base, packets, octets;
    uint32_t last_stamp;
};

// One client's play. Media time runs from PLAY, times the mount's speed.
struct camera_session {
    bool playing;
    uint32_t id;
    struct camera_track tracks[CAMERA_TRACKS];
    struct camera_media *media;
    nj_us origin_us, origin_wall_us;
    nj_us base_us;       // media time at which this round of the file begins
    nj_us sound_base_us; // the same for sound
    size_t next, next_sound;
    nj_us frozen_at_us; // media time; negative: not frozen
    nj_us next_report_us;
};

struct camera_conn {
    struct nj_list node;
    struct nj_test_camera *camera;
    int fd;
    SSL *ssl;
    struct camera_mount *mount; // NULL until a request names one
    struct nj_buf in, out;
    nj_us held_until; // the request in front waits for this; 0: it was not looked at
    bool dead;        // the socket is shut; only to be reaped
    bool closing;     // ends when everything is written
    bool endless;     // noise as long as somebody reads
    struct camera_session session;
};

struct camera_listener {
    int fd;      // -1: down
    int reserve; // bound and deaf: keeps the port while the camera is down
    int port;
};

struct nj_test_camera {
    pthread_mutex_t mutex;
    pthread_cond_t changed; // some count
    pthread_t thread;
    int wake_fd;
    bool stopping;
    char host[64];
    struct camera_listener plain, secure;
    SSL_CTX *tls; // NULL: none
    struct nj_test_certificate certificate;
    nj_us down_until; // 0: up
    char nonce[CAMERA_NONCE_SIZE];
    struct camera_mount *mounts[NJ_TEST_CAMERA_MOUNTS_MAX];
    struct nj_test_camera_stats stats; // of everything, and of mounts that went
    struct nj_list conns;
};

struct camera_request {
    bool http;
    char method[32];
    char target[1024];
    char name[NJ_TEST_CAMERA_NAME_MAX]; // the mount's; "" when the target names none
    int track;                          // of "trackID=n"; -1
    const char *headers;                // NUL-terminated
    char cseq[16];
};

nj_us camera_now_us(void);

// rtsp_camera_loop.c
void camera_run(void *camera);
void camera_wake(struct nj_test_camera *camera);
// Shuts the socket and takes the connection out of the counts; the thread reaps it.
void camera_conn_kill(struct camera_conn *conn);
// Writes what it can.
void camera_conn_flush(struct camera_conn *conn);

// rtsp_camera_listen.c
int camera_listener_open(struct nj_test_camera *camera, struct camera_listener *listener, int port,
                         struct nj_error *err);
void camera_listener_deafen(struct camera_listener *listener); // connecting is refused at once
void camera_listener_end(struct camera_listener *listener);    // after that; the port is kept
bool camera_listener_hear(const struct nj_test_camera *camera, struct camera_listener *listener);
void camera_listener_close(struct camera_listener *listener); // the port as well

// rtsp_camera.c
struct camera_mount *camera_find(struct nj_test_camera *camera, const char *name);
// Adds to a count of the connection's mount and of the camera.
#define camera_count(conn, field, n)                                                               \
    do {                                                                                           \
        (conn)->camera->stats.field += (n);                                                        \
        if ((conn)->mount)                                                                         \
            (conn)->mount->stats.field += (n);                                                     \
        pthread_cond_broadcast(&(conn)->camera->changed);                                          \
    } while (0)

// rtsp_camera_answer.c: everything that is complete in conn->in, in order.
void camera_answer_all(struct camera_conn *conn);
// Value of a header into `out`; false when it is not there.
bool camera_header(const struct camera_request *request, const char *name, char *out, size_t size);
// Head of an answer up to the empty line; `headers` are whole lines. Counts the body by its length.
void camera_reply(struct camera_conn *conn, const struct camera_request *request, int status,
                  const char *headers, size_t body_length);

void camera_rtsp(struct camera_conn *conn, const struct camera_request *request);
void camera_http(struct camera_conn *conn, const struct camera_request *request);

// Description of the mount for a client that reached it as `base`.
void camera_sdp_write(struct nj_buf *out, const struct camera_mount *mount, const char *base);

// True when the mount is open or the request proves its user; else it was answered by 401.
bool camera_auth_pass(struct camera_conn *conn, const struct camera_request *request);

// rtsp_camera_rtp.c
void camera_send_unit(struct camera_conn *conn, const struct camera_unit *unit, nj_us base_us);
void camera_send_packet(struct camera_conn *conn, int track, uint32_t stamp, bool marker,
                        const struct camera_span parts[2], const uint8_t *bytes);
void camera_send_report(struct camera_conn *conn, int track, nj_us media_us);

// rtsp_camera_play.c
int camera_track_rate(const struct camera_mount *mount, int track);
void camera_play_start(struct camera_conn *conn);
void camera_play_stop(struct camera_conn *conn);
void camera_play_switch(struct camera_conn *conn); // to the mount's media
void camera_play_freeze(struct camera_conn *conn, bool frozen);
void camera_play_tend(struct camera_conn *conn);       // sends what is due
nj_us camera_play_due(const struct camera_conn *conn); // when it wants that; INT64_MAX: never

// rtsp_camera_media.c, rtsp_camera_picture.c
int camera_media_load(const char *file, bool pictures, struct camera_media **out,
                      struct nj_error *err);
void camera_media_unref(struct camera_media *media);
int camera_pictures_make(struct camera_media *media, const char *file, struct nj_error *err);

// rtsp_camera_tls.c
int camera_tls_init(struct nj_test_camera *camera, struct nj_error *err);

#endif
