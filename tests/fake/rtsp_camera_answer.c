// SPDX-License-Identifier: Apache-2.0
// Requests of one connection, in order: reading them, finding their mount, waiting before answers.
#include "tests/fake/rtsp_camera_priv.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {302, "Found"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {454, "Session Not Found"},
                   {455, "Method Not Valid in This State"},
                   {461, "Unsupported Transport"},
                   {503, "Service Unavailable"}};
    for (size_t i = 0; i < NJ_COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Fault";
}

bool camera_header(const struct camera_request *request, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = request->headers; line && *line;) {
        size_t end = strcspn(line, "\r\n");
        if (end > length && line[length] == ':' && !strncasecmp(line, name, length)) {
            const char *value = line + length + 1;
            value += strspn(value, " \t");
            size_t count = (size_t)(line + end - value);
            if (count >= size)
                return false;
            memcpy(out, value, count);
            out[count] = '\0';
            return true;
        }
        line += end;
        line += strspn(line, "\r\n");
    }
    return false;
}

void camera_reply(struct camera_conn *conn, const struct camera_request *request, int status,
                  const char *headers, size_t body_length)
{
    nj_buf_printf(&conn->out, "%s %d %s\r\n", request->http ? "HTTP/1.1" : "RTSP/1.0", status,
                  reason(status));
    if (!request->http)
        nj_buf_printf(&conn->out, "CSeq: %s\r\n", request->cseq);
    if (request->http || body_length)
        nj_buf_printf(&conn->out, "Content-Length: %zu\r\n", body_length);
    nj_buf_printf(&conn->out, "Server: test-camera\r\n%s\r\n", headers);
}

// "rtsp://host:1/cam1/trackID=0" and "/snapshot/cam1.jpg" both name cam1.
static void read_target(struct camera_request *request)
{
    const char *path = strstr(request->target, "://");
    path = path ? strchr(path + 3, '/') : request->target;
    const char *track = strstr(request->target, "trackID=");
    request->track = track ? atoi(track + 8) : -1;
    if (!path || *path != '/')
        return;
    path++;
    if (request->http) {
        if (strncmp(path, "snapshot/", 9) != 0)
            return;
        path += 9;
    }
    size_t length = strcspn(path, request->http ? ".?" : "/?");
    if (length < sizeof(request->name)) {
        memcpy(request->name, path, length);
        request->name[length] = '\0';
    }
}

static bool read_request(char *head, struct camera_request *request)
{
    memset(request, 0, sizeof(*request));
    char version[16];
    if (sscanf(head, "%31s %1023s %15s", request->method, request->target, version) != 3)
        return false;
    request->http = !strncmp(version, "HTTP/1.", 7);
    if (!request->http && strcmp(version, "RTSP/1.0") != 0)
        return false;
    const char *line_end = strstr(head, "\r\n");
    request->headers = line_end ? line_end + 2 : "";
    if (!camera_header(request, "CSeq", request->cseq, sizeof(request->cseq)))
        strcpy(request->cseq, "0");
    read_target(request);
    return true;
}

static void bind_mount(struct camera_conn *conn, const struct camera_request *request)
{
    if (conn->mount || !request->name[0])
        return;
    conn->mount = camera_find(conn->camera, request->name);
    if (!conn->mount)
        return;
    conn->mount->stats.connections_now++;
    conn->mount->stats.connections_ever++;
    pthread_cond_broadcast(&conn->camera->changed);
}

// True when the time to answer has come.
static bool waited(struct camera_conn *conn)
{
    int delay_ms = conn->mount ? conn->mount->faults.answer_delay_ms : 0;
    nj_us now = camera_now_us();
    if (delay_ms == NJ_TEST_CAMERA_NEVER) {
        conn->held_until = INT64_MAX;
        return false;
    }
    if (!conn->held_until || conn->held_until == INT64_MAX)
        conn->held_until = now + (nj_us)delay_ms * NJ_US_PER_MS;
    if (now < conn->held_until)
        return false;
    conn->held_until = 0;
    return true;
}

static void answer(struct camera_conn *conn, const struct camera_request *request)
{
    if (conn->mount && strcmp(conn->mount->name, request->name) != 0 && request->name[0]) {
        // Another mount on one connection: HTTP clients do that, RTSP clients do not.
        if (!request->http) {
            camera_reply(conn, request, 404, "", 0);
            return;
        }
        conn->mount->stats.connections_now--;
        conn->mount = NULL;
        bind_mount(conn, request);
    }
    if (request->http)
        camera_http(conn, request);
    else
        camera_rtsp(conn, request);
}

// Takes one request, or one interleaved packet, from the front. False: nothing whole is there.
static bool take_one(struct camera_conn *conn)
{
    struct nj_buf *in = &conn->in;
    const uint8_t *bytes = (const uint8_t *)in->data;
    if (in->length && bytes[0] == '$') { // a receiver's report
        size_t size = in->length >= 4 ? 4 + (size_t)(bytes[2] << 8 | bytes[3]) : SIZE_MAX;
        if (size > in->length)
            return false;
        nj_buf_consume(in, size);
        return true;
    }
    const char *end = in->length ? memmem(in->data, in->length, "\r\n\r\n", 4) : NULL;
    if (!end)
        return false;
    size_t head_size = (size_t)(end - in->data) + 4;
    char head[CAMERA_HEAD_MAX_BYTES + 1];
    char length[16] = "0";
    struct camera_request request;
    if (head_size > CAMERA_HEAD_MAX_BYTES)
        return false;
    memcpy(head, in->data, head_size);
    head[head_size] = '\0';
    if (!read_request(head, &request)) {
        camera_conn_kill(conn);
        return false;
    }
    (void)camera_header(&request, "Content-Length", length, sizeof(length));
    size_t size = head_size + (size_t)(unsigned)atoi(length);
    if (size > in->length)
        return false;
    bind_mount(conn, &request);
    if (conn->mount && conn->mount->down_until > camera_now_us()) {
        camera_conn_kill(conn);
        return false;
    }
    if (!waited(conn))
        return false;
    nj_buf_consume(in, size);
    answer(conn, &request);
    return true;
}

void camera_answer_all(struct camera_conn *conn)
{
    while (!conn->dead && !conn->closing && !conn->endless && take_one(conn))
        continue;
}
