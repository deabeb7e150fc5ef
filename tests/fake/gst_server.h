// SPDX-License-Identifier: Apache-2.0
// gst-rtsp-server as a child of the test: an RTSP server that this project did not write.
#ifndef NJ_FAKE_GST_SERVER_H
#define NJ_FAKE_GST_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

enum { NJ_GST_SERVER_URL_MAX = 128 };

struct nj_gst_server {
    pid_t pid; // 0: none
    int in, out;
    int port;
};

// False: it was not built; skip() the test then, with a name that begins with "gst_".
bool nj_gst_server_installed(void);
// Plays `file` (see nj_test_video) as /cam and waits until it listens. Whatever fails, fails the
// test. It ends with the test, whatever happens to that.
void nj_gst_server_start(struct nj_gst_server *server, const char *file);
// "drop", "freeze" or "unfreeze"; done when it returns.
void nj_gst_server_tell(struct nj_gst_server *server, const char *command);
void nj_gst_server_stop(struct nj_gst_server *server); // harmless when zeroed
void nj_gst_server_kill(struct nj_gst_server *server); // SIGKILL, and waits for the end
// "rtsp://127.0.0.1:4711/cam"
const char *nj_gst_server_url(const struct nj_gst_server *server, char out[NJ_GST_SERVER_URL_MAX]);

#endif
