// SPDX-License-Identifier: Apache-2.0
// GET /snapshot/NAME.jpg, with what can be wrong about it.
#include "tests/fake/rtsp_camera_priv.h"

#include <stdio.h>
#include <string.h>

static const char page[] = "<html><body>Please log in</body></html>";

static void reply_picture(struct camera_conn *conn, const struct camera_request *request,
                          size_t share)
{
    struct camera_mount *mount = conn->mount;
    const struct camera_media *media = mount->media;
    struct camera_span span = media->pictures[mount->next_picture % media->picture_count];
    if (mount->faults.snapshot != NJ_TEST_CAMERA_SNAPSHOT_FROZEN)
        mount->next_picture++;
    camera_reply(conn, request, 200, "Content-Type: image/jpeg\r\n", span.size);
    nj_buf_append(&conn->out, media->bytes.data + span.offset, span.size / share);
    if (share == 1)
        camera_count(conn, snapshots, 1);
}

static void reply_as_fault_says(struct camera_conn *conn, const struct camera_request *request)
{
    static const char type[] = "Content-Type: image/jpeg\r\n";
    switch (conn->mount->faults.snapshot) {
    case NJ_TEST_CAMERA_SNAPSHOT_NOT_FOUND:
        camera_reply(conn, request, 404, "", 0);
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_ERROR:
        camera_reply(conn, request, 503, "", 0);
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_NOT_PICTURE:
        camera_reply(conn, request, 200, type, sizeof(page) - 1);
        nj_buf_append_text(&conn->out, page);
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_EMPTY:
        camera_reply(conn, request, 200, type, 0);
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_TRUNCATED:
        reply_picture(conn, request, 2);
        conn->closing = true;
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_STALLED:
        reply_picture(conn, request, 2); // and the connection stays
        break;
    case NJ_TEST_CAMERA_SNAPSHOT_ENDLESS:
        nj_buf_printf(&conn->out, "HTTP/1.1 200 OK\r\n%sConnection: close\r\n\r\n", type);
        conn->endless = true;
        break;
    default:
        reply_picture(conn, request, 1);
        break;
    }
}

void camera_http(struct camera_conn *conn, const struct camera_request *request)
{
    if (strcmp(request->method, "GET") != 0) {
        camera_reply(conn, request, 405, "", 0);
        return;
    }
    if (!conn->mount || !conn->mount->media->picture_count) {
        camera_reply(conn, request, 404, "", 0);
        return;
    }
    if (!camera_auth_pass(conn, request))
        return;
    if (conn->mount->redirect_to[0]) {
        char line[NJ_TEST_CAMERA_URL_MAX + 16];
        snprintf(line, sizeof(line), "Location: %s\r\n", conn->mount->redirect_to);
        camera_reply(conn, request, 302, line, 0);
        return;
    }
    reply_as_fault_says(conn, request);
}
