// SPDX-License-Identifier: Apache-2.0
// Contexts, and the fake server of a language model.
#include "tests/unit/analysis/analysis_helper.h"

#include "util/json_writer.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { REQUEST_MAX = 1 << 20, RESPONSE_MAX = 16 << 20 };

static const nj_us start_us = 1769250600LL * NJ_US_PER_S;

void fill_context(struct nj_analysis_context *context, struct nj_detection_row *rows,
                  const struct sight *sights, size_t count)
{
    *context = (struct nj_analysis_context){
        .batch = {.id = "b1", .camera_id = "front_door", .started_us = start_us},
        .camera_name = "Front Door",
        .detections = rows,
        .detection_count = count,
        .recent_events = 1,
        .local = {2026, 1, 24, 12, 30, 0, 5, 0},
    };
    for (size_t i = 0; i < count; i++) {
        struct nj_detection_row *row = &rows[i];
        *row = (struct nj_detection_row){.id = (int64_t)i + 1,
                                         .confidence = sights[i].confidence,
                                         .x = 10,
                                         .y = 20,
                                         .width = 30,
                                         .height = 40,
                                         .picture_width = 640,
                                         .picture_height = 480,
                                         .track_id = sights[i].track_id};
        row->detected_us = start_us + (nj_us)(sights[i].at_s * NJ_US_PER_S);
        row->ended_us = row->detected_us;
        if (sights[i].until_s > sights[i].at_s)
            row->ended_us = start_us + (nj_us)(sights[i].until_s * NJ_US_PER_S);
        nj_text_copy(row->object_type, sizeof row->object_type, sights[i].type);
        snprintf(row->file_path, sizeof row->file_path, "%s",
                 sights[i].picture != NULL ? sights[i].picture : "a.jpg");
        if (row->detected_us > context->batch.last_activity_us)
            context->batch.last_activity_us = row->detected_us;
    }
}

static void read_request(struct llm_server *server, int peer)
{
    size_t length = 0, needed = SIZE_MAX;
    while (length < needed && length < REQUEST_MAX) {
        ssize_t got = recv(peer, server->request + length, REQUEST_MAX - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        server->request[length] = '\0';
        const char *end = strstr(server->request, "\r\n\r\n");
        const char *size = strstr(server->request, "Content-Length: ");
        if (end != NULL)
            needed = (size_t)(end - server->request) + 4 +
                     (size != NULL ? (size_t)strtoul(size + 16, NULL, 10) : 0);
    }
}

static void write_body(const struct llm_server *server, const struct llm_answer *answer,
                       struct nj_buf *out)
{
    struct nj_json_writer writer;
    if (answer->written == NULL) {
        nj_buf_append_text(out, answer->body);
        return;
    }
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    if (server->chat) {
        nj_json_array_begin(&writer, "choices");
        nj_json_object_begin(&writer, NULL);
        nj_json_object_begin(&writer, "message");
        nj_json_text(&writer, "role", "assistant");
    }
    nj_json_text(&writer, "content", answer->written);
    if (server->chat) {
        nj_json_object_end(&writer);
        nj_json_object_end(&writer);
        nj_json_array_end(&writer);
    }
    nj_json_object_end(&writer);
}

static void send_all(int peer, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(peer, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void answer_one(struct llm_server *server, const struct llm_answer *answer, int peer)
{
    struct nj_buf body, head;
    char rest[16];
    if (answer->status < 0) {
        while (recv(peer, rest, sizeof rest, 0) > 0)
            continue;
        return;
    }
    if (answer->status == 0)
        return;
    nj_buf_init(&body, RESPONSE_MAX);
    nj_buf_init(&head, 256);
    write_body(server, answer, &body);
    nj_buf_printf(&head,
                  "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                  "Connection: close\r\n\r\n",
                  answer->status, body.length);
    send_all(peer, head.data, head.length);
    send_all(peer, body.data, body.length);
    nj_buf_finish(&head);
    nj_buf_finish(&body);
}

static void serve(void *arg)
{
    struct llm_server *server = arg;
    int peer;
    while ((peer = accept(server->socket, NULL, NULL)) >= 0) {
        read_request(server, peer);
        size_t n = atomic_fetch_add(&server->asked, 1);
        answer_one(server, &server->answers[n < server->count ? n : server->count - 1], peer);
        close(peer);
    }
}

void llm_start(struct llm_server *server, const struct llm_answer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    memset(server, 0, sizeof *server);
    server->answers = answers;
    server->count = count;
    server->request = calloc(1, REQUEST_MAX + 1);
    assert_non_null(server->request);
    server->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->socket >= 0);
    assert_int_equal(bind(server->socket, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->socket, 8), 0);
    assert_int_equal(getsockname(server->socket, (struct sockaddr *)&address, &length), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    assert_int_equal(nj_thread_start(&server->thread, "llm", serve, server, NULL), 0);
}

void llm_stop(struct llm_server *server)
{
    if (server->request == NULL)
        return;
    shutdown(server->socket, SHUT_RDWR);
    nj_thread_join(server->thread);
    close(server->socket);
    free(server->request);
    server->request = NULL;
}

static nj_us hasty_us(const struct nj_clock *clock)
{
    static atomic_llong now_us;
    (void)clock;
    return atomic_fetch_add(&now_us, 20LL * NJ_US_PER_S);
}

const struct nj_clock llm_hasty_clock = {.mono_us = hasty_us, .wall_us = hasty_us};

struct nj_analysis_options llm_options(const char *url)
{
    return (struct nj_analysis_options){
        .analyser = 1,
        .llm_url = url,
        .llm_model = "",
        .llm_api_key = "",
        .llm_connect_us = 10LL * NJ_US_PER_S,
        .llm_read_us = 20LL * NJ_US_PER_S,
        .llm_tries = 3,
        .llm_context_tokens = 3900,
        .llm_output_tokens = 1536,
        .llm_threads = 1,
        .timezone = "UTC",
    };
}
