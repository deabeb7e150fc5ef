// SPDX-License-Identifier: Apache-2.0
// A camera for tests: RTSP over TCP (rtsp:// and rtsps://) and snapshots over HTTP on loopback,
// several mounts on one port, each with faults that are turned on and off while it runs.
//
// It plays the H.264 track of a file for ever, with timestamps that go on over the end. Each client
// that says PLAY begins with the file's first keyframe. A thread of its own serves all clients;
// every function here is explicitly thread-safe, and none waits but those named so.
#ifndef NJ_FAKE_RTSP_CAMERA_H
#define NJ_FAKE_RTSP_CAMERA_H

#include "util/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    NJ_TEST_CAMERA_MOUNTS_MAX = 64,
    NJ_TEST_CAMERA_NAME_MAX = 32, // with the final 0
    NJ_TEST_CAMERA_URL_MAX = 512,
    NJ_TEST_CAMERA_NEVER = -1, // as answer_delay_ms: requests are read and never answered
};

struct nj_test_camera; // opaque

struct nj_test_camera_options {
    const char *host; // "127.0.0.1" (NULL) or "::1"
    int port;         // 0: any free one
    bool tls;         // a second port for rtsps:// and https://, certificate signed by itself
};

enum nj_test_camera_auth {
    NJ_TEST_CAMERA_OPEN,
    NJ_TEST_CAMERA_BASIC,
    NJ_TEST_CAMERA_DIGEST,        // RFC 2617 with MD5 and no qop, as most cameras do
    NJ_TEST_CAMERA_DIGEST_QOP,    // MD5 with qop="auth"
    NJ_TEST_CAMERA_DIGEST_SHA256, // RFC 7616, qop="auth"
};

enum nj_test_camera_audio {
    NJ_TEST_CAMERA_SILENT, // no audio track
    NJ_TEST_CAMERA_PCMU,   // a tone, 8 kHz, payload type 0
    NJ_TEST_CAMERA_AAC,    // the file's own AAC track; adding the mount fails without one
};

// What DESCRIBE answers.
enum nj_test_camera_sdp {
    NJ_TEST_CAMERA_SDP_GOOD,
    NJ_TEST_CAMERA_SDP_EMPTY,         // 200 with a body of no bytes
    NJ_TEST_CAMERA_SDP_GARBAGE,       // 2 kB that are no text
    NJ_TEST_CAMERA_SDP_HTML,          // Content-Type text/html and a page
    NJ_TEST_CAMERA_SDP_NO_VIDEO,      // an audio track alone
    NJ_TEST_CAMERA_SDP_UNKNOWN_CODEC, // a video track with a codec that nobody knows
    NJ_TEST_CAMERA_SDP_WRONG_PAYLOAD, // says payload type 98, packets carry 96
    NJ_TEST_CAMERA_SDP_HUGE,          // 8 MB of attributes before the track
    NJ_TEST_CAMERA_SDP_NO_SPROP,      // good, but parameter sets come in band alone
    NJ_TEST_CAMERA_SDP_BAD_SPROP,     // parameter sets that are noise
    NJ_TEST_CAMERA_SDP_COUNT
};

// What GET /snapshot/NAME.jpg answers.
enum nj_test_camera_snapshot {
    NJ_TEST_CAMERA_SNAPSHOT_GOOD,
    NJ_TEST_CAMERA_SNAPSHOT_FROZEN,      // the same picture for ever
    NJ_TEST_CAMERA_SNAPSHOT_NOT_FOUND,   // 404
    NJ_TEST_CAMERA_SNAPSHOT_ERROR,       // 503
    NJ_TEST_CAMERA_SNAPSHOT_NOT_PICTURE, // 200 image/jpeg, and a page inside
    NJ_TEST_CAMERA_SNAPSHOT_EMPTY,       // 200 with no bytes
    NJ_TEST_CAMERA_SNAPSHOT_TRUNCATED,   // the length is told, half of it comes, then the end
    NJ_TEST_CAMERA_SNAPSHOT_STALLED,     // half of it comes, then nothing; the connection stays
    NJ_TEST_CAMERA_SNAPSHOT_ENDLESS,     // no length, and bytes as long as somebody reads
    NJ_TEST_CAMERA_SNAPSHOT_COUNT
};

// All zero: a well-behaved camera.
struct nj_test_camera_faults {
    int answer_delay_ms; // before each answer, RTSP and HTTP; or NJ_TEST_CAMERA_NEVER
    int describe_status; // such as 404 or 503 instead of a description; 0: none
    int setup_status;    // such as 461 instead of a transport; 0: none
    int lose_every;      // every n-th RTP packet of the video is not sent; 0: none
    int corrupt_every;   // every n-th has bits turned after its NAL header; 0: none
    bool frozen;         // connections and RTCP go on, video and audio do not
    bool join_mid_gop;   // PLAY begins with the second frame instead of the keyframe
    int payload_type;    // of the video's packets instead of the described one; 0: that one
    bool jump_stamps;    // timestamps go five hours ahead and back again, every 16 frames
    bool mark_slices;    // each slice has a packet of its own at least, and its last one the mark
    enum nj_test_camera_sdp sdp;
    enum nj_test_camera_snapshot snapshot;
};

struct nj_test_camera_mount {
    const char *name; // the URL's path: letters, digits, '_', '-'
    const char *file; // with an H.264 track; read whole now
    bool unpaced;     // as fast as the client reads
    double speed;     // 0: 1, real time; 4: four times faster
    enum nj_test_camera_audio audio;
    enum nj_test_camera_auth auth;
    const char *user, *password; // for auth
    int session_timeout_s;       // told in the answer to SETUP; 0: 60
    const char *redirect_to;     // DESCRIBE and GET answer 302 with this Location; NULL: none
    bool snapshots; // GET /snapshot/NAME.jpg gives pictures of the file, a second apart
    struct nj_test_camera_faults faults;
};

// Listens at once; clients may connect when it returns. Free with nj_test_camera_destroy.
int nj_test_camera_create(const struct nj_test_camera_options *options, struct nj_test_camera **out,
                          struct nj_error *err);
// Closes all connections, joins the thread. Accepts NULL.
void nj_test_camera_destroy(struct nj_test_camera *camera);

// NJ_E_EXISTS when the name is taken. Everything in `mount` is copied.
int nj_test_camera_add(struct nj_test_camera *camera, const struct nj_test_camera_mount *mount,
                       struct nj_error *err);
// Drops its clients; asking for it is answered by 404 from then on.
int nj_test_camera_remove(struct nj_test_camera *camera, const char *name);

int nj_test_camera_port(const struct nj_test_camera *camera);     // the plain one
int nj_test_camera_tls_port(const struct nj_test_camera *camera); // 0 without TLS
// "rtsp://127.0.0.1:4711/cam1" for the schemes "rtsp" and "rtsps",
// "http://127.0.0.1:4711/snapshot/cam1.jpg" for "http" and "https". `credentials`
// ("user:password") are put in front of the host; NULL: none. `out` has NJ_TEST_CAMERA_URL_MAX
// bytes and is returned.
const char *nj_test_camera_url(const struct nj_test_camera *camera, const char *scheme,
                               const char *name, const char *credentials, char *out);
// Writes the certificate as PEM, for clients that check it. Needs options.tls.
int nj_test_camera_save_certificate(const struct nj_test_camera *camera, const char *path,
                                    struct nj_error *err);

// The following return NJ_E_NOT_FOUND for a name that is not mounted.

// Replaces all faults of a mount; takes effect with the next packet or answer.
int nj_test_camera_set_faults(struct nj_test_camera *camera, const char *name,
                              const struct nj_test_camera_faults *faults);
int nj_test_camera_get_faults(struct nj_test_camera *camera, const char *name,
                              struct nj_test_camera_faults *out);
// faults.frozen alone. After unfreezing, the next frame of the file follows; its timestamp has
// the gap.
int nj_test_camera_freeze(struct nj_test_camera *camera, const char *name, bool frozen);
// Closes all its connections now; new ones are welcome.
int nj_test_camera_drop(struct nj_test_camera *camera, const char *name);
// Drops its connections; for `down_ms` new ones are closed when they name this mount. With name
// NULL the whole camera goes down: all connections end and connecting is refused; the port stays
// the same. `down_ms` 0 brings it back at once.
int nj_test_camera_reboot(struct nj_test_camera *camera, const char *name, int down_ms);
// Clients that are connected go on with the first keyframe of this file, which may have another
// size; DESCRIBE tells of it from now on. On failure the old file goes on.
int nj_test_camera_switch(struct nj_test_camera *camera, const char *name, const char *file,
                          struct nj_error *err);
// NULL: none.
int nj_test_camera_redirect(struct nj_test_camera *camera, const char *name, const char *location);
// What was signed with the old nonce is answered by 401 with stale=true. All mounts.
void nj_test_camera_renew_nonce(struct nj_test_camera *camera);

// What happened since the mount was added. A connection belongs to the mount that its first
// request names.
struct nj_test_camera_stats {
    int64_t connections_now, connections_ever;
    int64_t playing_now;
    int64_t describes, plays, teardowns; // answered with 200
    int64_t keepalives;                  // OPTIONS and GET_PARAMETER while playing
    int64_t unauthorized;                // answers 401
    int64_t snapshots;                   // GETs with a whole picture
    int64_t frames;                      // sent, over all clients
    int64_t packets, packets_lost, packets_corrupt;
    int64_t bytes; // written to sockets
};
// Name NULL: all mounts together, with connections that named none.
int nj_test_camera_get_stats(struct nj_test_camera *camera, const char *name,
                             struct nj_test_camera_stats *out);

enum nj_test_camera_count {
    NJ_TEST_CAMERA_CONNECTIONS_NOW,
    NJ_TEST_CAMERA_CONNECTIONS_EVER,
    NJ_TEST_CAMERA_PLAYING_NOW,
    NJ_TEST_CAMERA_DESCRIBES,
    NJ_TEST_CAMERA_PLAYS,
    NJ_TEST_CAMERA_KEEPALIVES,
    NJ_TEST_CAMERA_UNAUTHORIZED,
    NJ_TEST_CAMERA_SNAPSHOTS,
    NJ_TEST_CAMERA_FRAMES,
};
// Waits until the count is at least / exactly `value`, at most `timeout_ms` of real time. 0,
// NJ_E_TIMEOUT or NJ_E_NOT_FOUND.
int nj_test_camera_wait(struct nj_test_camera *camera, const char *name,
                        enum nj_test_camera_count count, int64_t at_least, int timeout_ms);
int nj_test_camera_wait_exactly(struct nj_test_camera *camera, const char *name,
                                enum nj_test_camera_count count, int64_t value, int timeout_ms);

#endif
