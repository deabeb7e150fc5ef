// SPDX-License-Identifier: Apache-2.0
// Outgoing calls against the project's own server on a loop thread.
#include "net/http_client.h"

#include "loop/loop.h"
#include "net/http_server.h"
#include "tests/fake/names.h"
#include "tests/fake/tcp_proxy.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_client_test(void);

struct peer {
    struct nj_loop *loop;
    struct nj_http_server *server;
    struct nj_http_request *held;
    struct nj_cancel *cancel; // fired by /cancel, which never answers
    pthread_t thread;
    struct nj_call stop;
    atomic_int handled; // requests that came whole
    char base[64];
};

static void reply(struct nj_http_request *request, int status, const void *body, size_t length)
{
    nj_http_reply(request, &(struct nj_http_reply){.status = status,
                                                   .content_type = "text/plain",
                                                   .body = body,
                                                   .body_length = length});
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct peer *peer = arg;
    const char *path = nj_http_path(request);
    size_t length;
    atomic_fetch_add(&peer->handled, 1);
    const void *body = nj_http_body(request, &length);
    if (strcmp(path, "/echo") == 0) {
        char text[4096];
        const char *type = nj_http_header(request, "Content-Type");
        const char *extra = nj_http_header(request, "X-Extra");
        int size = snprintf(text, sizeof(text), "%s|%s|%s|%.*s", nj_http_method(request),
                            type ? type : "", extra ? extra : "", (int)length, (const char *)body);
        reply(request, 200, text, (size_t)size);
    } else if (strcmp(path, "/hold") == 0 || strcmp(path, "/cancel") == 0) {
        peer->held = request;
        if (peer->cancel)
            nj_cancel_fire(peer->cancel);
    } else if (strcmp(path, "/moved") == 0) {
        const struct nj_http_field to = {"Location", "/echo"};
        nj_http_reply(request,
                      &(struct nj_http_reply){.status = 302, .headers = &to, .header_count = 1});
    } else {
        reply(request, 404, "0123456789", 10);
    }
}

static void run(void *arg)
{
    nj_loop_run(((struct peer *)arg)->loop);
}

static void on_stopped(void *arg)
{
    nj_loop_stop(((struct peer *)arg)->loop);
}

static void on_stop(struct nj_call *call)
{
    struct peer *peer = NJ_CONTAINER_OF(call, struct peer, stop);
    nj_http_server_stop(peer->server, 0, on_stopped, peer);
}

static int set_up(void **state)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    const struct nj_http_server_options options = {.host = "127.0.0.1",
                                                   .max_connections = 8,
                                                   .max_head_bytes = 8192,
                                                   .max_body_bytes = 1 << 20,
                                                   .head_timeout_us = 60 * NJ_US_PER_S,
                                                   .body_timeout_us = 60 * NJ_US_PER_S,
                                                   .idle_timeout_us = 60 * NJ_US_PER_S};
    assert_int_equal(nj_loop_create(nj_clock_real(), &peer->loop, NULL), 0);
    assert_int_equal(nj_http_server_create(peer->loop, &options, handle, peer, &peer->server), 0);
    assert_int_equal(nj_http_server_start(peer->server, NULL), 0);
    snprintf(peer->base, sizeof(peer->base), "http://127.0.0.1:%d",
             nj_http_server_port(peer->server));
    assert_int_equal(nj_thread_start(&peer->thread, "test-peer", run, peer, NULL), 0);
    *state = peer;
    return 0;
}

static int tear_down(void **state)
{
    struct peer *peer = *state;
    peer->stop.fn = on_stop;
    nj_loop_post(peer->loop, &peer->stop);
    nj_thread_join(peer->thread);
    if (peer->held)
        reply(peer->held, 200, "", 0);
    nj_http_server_destroy(peer->server);
    nj_loop_destroy(peer->loop);
    free(peer);
    nj_fake_names_finish();
    return 0;
}

struct answer {
    int code, status;
    struct nj_buf body;
    struct nj_error err;
};

static struct answer ask(const struct nj_http_call *call)
{
    struct answer answer = {.status = -1};
    struct nj_http_client *client;
    nj_buf_init(&answer.body, 1 << 20);
    assert_int_equal(nj_http_client_create(&client, NULL), 0);
    answer.code = nj_http_client_call(client, call, &answer.status, &answer.body, &answer.err);
    nj_http_client_destroy(client);
    return answer;
}

static struct nj_http_call call_of(const char *method, const char *url)
{
    return (struct nj_http_call){.method = method,
                                 .url = url,
                                 .connect_timeout_us = 5 * NJ_US_PER_S,
                                 .total_timeout_us = 10 * NJ_US_PER_S,
                                 .max_response_bytes = 65536};
}

static void body_and_headers_arrive_with_the_method(void **state)
{
    struct peer *peer = *state;
    char url[128];
    snprintf(url, sizeof(url), "%s/echo", peer->base);
    const char *const headers[] = {"Content-Type: application/json", "X-Extra: yes", NULL};
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    for (size_t i = 0; i < NJ_COUNT_OF(methods); i++) {
        struct nj_http_call call = call_of(methods[i], url);
        char expected[64];
        call.headers = headers;
        call.body = "{\"a\":1}";
        call.body_length = 7;
        struct answer answer = ask(&call);
        snprintf(expected, sizeof(expected), "%s|application/json|yes|{\"a\":1}", methods[i]);
        assert_int_equal(answer.code, 0);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body.data, expected);
        nj_buf_finish(&answer.body);
    }
    struct nj_http_call call = call_of("GET", url);
    struct answer answer = ask(&call);
    assert_string_equal(answer.body.data, "GET|||");
    nj_buf_finish(&answer.body);
}

static void file_goes_as_multipart_form(void **state)
{
    struct peer *peer = *state;
    char url[128];
    snprintf(url, sizeof(url), "%s/echo", peer->base);
    struct nj_http_call call = call_of("POST", url);
    const struct nj_http_part part = {"file", "a.jpg", "image/jpeg", "JPEGBYTES", 9};
    call.part = &part;
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_ptr_equal(strstr(answer.body.data, "POST|multipart/form-data; boundary="),
                     answer.body.data);
    assert_non_null(strstr(answer.body.data, "name=\"file\"; filename=\"a.jpg\""));
    assert_non_null(strstr(answer.body.data, "Content-Type: image/jpeg\r\n\r\nJPEGBYTES\r\n"));
    nj_buf_finish(&answer.body);
}

static void every_status_is_an_answer_and_redirects_are_not_followed(void **state)
{
    struct peer *peer = *state;
    char url[128];
    snprintf(url, sizeof(url), "%s/absent", peer->base);
    struct nj_http_call call = call_of("GET", url);
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer.body.data, "0123456789");
    nj_buf_finish(&answer.body);
    snprintf(url, sizeof(url), "%s/moved", peer->base);
    answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.status, 302);
    nj_buf_finish(&answer.body);
}

static void failures_have_their_code_and_change_nothing(void **state)
{
    struct peer *peer = *state;
    char url[128];
    snprintf(url, sizeof(url), "%s/absent", peer->base);
    struct nj_http_call call = call_of("GET", url);
    call.max_response_bytes = 9; // the answer has 10
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_TOO_BIG);
    assert_int_equal(answer.status, -1);
    assert_int_equal(answer.body.length, 0);
    nj_buf_finish(&answer.body);

    snprintf(url, sizeof(url), "%s/hold", peer->base);
    call = call_of("GET", url);
    call.total_timeout_us = 50 * NJ_US_PER_MS;
    answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_TIMEOUT);
    nj_buf_finish(&answer.body);

    static const char *const bad[] = {
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://h/", "127.0.0.1/echo", "", "http://"};
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        call = call_of("GET", bad[i]);
        answer = ask(&call);
        assert_int_equal(answer.code, NJ_E_INVALID);
        nj_buf_finish(&answer.body);
    }
}

static void rules_are_checked_where_it_connects(void **state)
{
    struct peer *peer = *state;
    static const char *const names[] = {"localhost"};
    struct nj_address_rules rules = {.public_networks = true};
    char url[128];
    snprintf(url, sizeof(url), "http://localhost%s/absent", strrchr(peer->base, ':'));
    struct nj_http_call call = call_of("GET", url);
    call.rules = &rules;
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_DENIED);
    nj_buf_finish(&answer.body);
    rules.allowed = (struct nj_text_list){names, 1};
    answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.status, 404);
    nj_buf_finish(&answer.body);
}

// The call of /absent at the peer's port under another name.
static struct nj_http_call call_named(const struct peer *peer, const char *name, char url[128])
{
    snprintf(url, 128, "http://%s%s/absent", name, strrchr(peer->base, ':'));
    return call_of("GET", url);
}

static void a_name_that_hangs_costs_the_time_for_connecting(void **state)
{
    char url[128];
    struct nj_http_call call = call_named(*state, "slow.test", url);
    nj_fake_names_set("slow.test", NULL);
    call.connect_timeout_us = 30 * NJ_US_PER_MS;
    struct answer answer = ask(&call); // and the client is destroyed
    nj_fake_names_await_hanging(1);    // still
    assert_int_equal(answer.code, NJ_E_TIMEOUT);
    assert_non_null(strstr(answer.err.text, "no answer from the resolver"));
    nj_buf_finish(&answer.body);
}

static void what_was_judged_is_what_is_connected_to(void **state)
{
    static const struct nj_address_rules loopback_only = {.loopback = true};
    char url[128];
    struct nj_http_call call = call_named(*state, "cam.test", url);
    call.rules = &loopback_only;
    nj_fake_names_set("cam.test", "127.0.0.1");
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.status, 404);
    assert_int_equal(nj_fake_names_asked("cam.test"), 1); // a second look might tell something else
    nj_buf_finish(&answer.body);
    nj_fake_names_add("cam.test", "10.0.0.1");
    answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_DENIED);
    nj_buf_finish(&answer.body);
}

static void every_address_of_a_name_is_tried(void **state)
{
    char url[128];
    const struct nj_http_call call = call_named(*state, "cam.test", url);
    nj_fake_names_set("cam.test", "::1"); // nobody is there
    nj_fake_names_add("cam.test", "127.0.0.2");
    nj_fake_names_add("cam.test", "127.0.0.1");
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.status, 404);
    nj_buf_finish(&answer.body);
}

static void a_client_remembers_its_names(void **state)
{
    char url[128];
    const struct nj_http_call call = call_named(*state, "cam.test", url);
    struct nj_http_client *client;
    struct nj_buf body;
    int status = 0;
    nj_buf_init(&body, 1 << 20);
    nj_fake_names_set("cam.test", "127.0.0.1");
    assert_int_equal(nj_http_client_create(&client, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_http_client_call(client, &call, &status, &body, NULL), 0);
    assert_int_equal(nj_fake_names_asked("cam.test"), 1);
    nj_http_client_destroy(client);
    nj_buf_finish(&body);
}

static void cancelling_ends_a_running_call(void **state)
{
    struct peer *peer = *state;
    struct nj_cancel cancel;
    char url[128];
    nj_cancel_init(&cancel, NULL);
    peer->cancel = &cancel;
    snprintf(url, sizeof(url), "%s/cancel", peer->base);
    struct nj_http_call call = call_of("GET", url);
    call.cancel = &cancel;
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_CANCELLED);
    nj_buf_finish(&answer.body);
    answer = ask(&call); // fired before
    assert_int_equal(answer.code, NJ_E_CANCELLED);
    nj_buf_finish(&answer.body);
}

struct stranger {
    int listener;
    const char *says;
};

static void answer_as(void *arg)
{
    const struct stranger *stranger = arg;
    const size_t length = strlen(stranger->says);
    int fd = accept(stranger->listener, NULL, NULL);
    char request[512];
    if (fd >= 0 && read(fd, request, sizeof(request)) > 0 &&
        write(fd, stranger->says, length) == (ssize_t)length)
        (void)shutdown(fd, SHUT_WR);
    while (fd >= 0 && read(fd, request, sizeof(request)) > 0)
        continue; // until the client closes
    if (fd >= 0)
        (void)close(fd);
}

static void odd_answers_are_judged_by_what_came_of_them(void **state)
{
    static const struct {
        const char *says;
        int code;
        const char *error; // blamed on the answer, not on the URL
    } cases[] = {
        {"this is not an answer of a web server\r\n\r\n", NJ_E_UNAVAILABLE,
         "the answer is not HTTP"},
        {"HTTP/1.1 100 Continue\r\n\r\n", NJ_E_UNAVAILABLE, ""},
        {"HTTP/1.1 200 OK\r\nServer: x\r\n", NJ_E_UNAVAILABLE, "the answer broke off"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nSum: 1\r\n\r\n", 0,
         ""},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(at);
        struct stranger stranger = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), cases[i].says};
        assert_int_equal(bind(stranger.listener, (struct sockaddr *)&at, size), 0);
        assert_int_equal(listen(stranger.listener, 1), 0);
        assert_int_equal(getsockname(stranger.listener, (struct sockaddr *)&at, &size), 0);
        pthread_t thread;
        assert_int_equal(nj_thread_start(&thread, "test-stranger", answer_as, &stranger, NULL), 0);
        char url[64];
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
        const struct nj_http_call call = call_of("GET", url);
        struct answer answer = ask(&call);
        assert_int_equal(answer.code, cases[i].code);
        assert_non_null(strstr(answer.err.text, cases[i].error));
        nj_buf_finish(&answer.body);
        nj_thread_join(thread);
        (void)close(stranger.listener);
    }
}

// A port that was bound and not listened on refuses connections.
static void errors_show_no_credentials(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    char url[128], shown[128];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof(url), "http://user:hunter2@127.0.0.1:%d/x?api_key=geheim",
             ntohs(address.sin_port));
    snprintf(shown, sizeof(shown), "http://***@127.0.0.1:%d/x?api_key=***",
             ntohs(address.sin_port));
    struct nj_http_call call = call_of("GET", url);
    struct answer answer = ask(&call);
    assert_int_equal(answer.code, NJ_E_UNAVAILABLE);
    assert_null(strstr(answer.err.text, "hunter2"));
    assert_null(strstr(answer.err.text, "geheim"));
    assert_non_null(strstr(answer.err.text, shown));
    assert_non_null(strstr(answer.err.text, "no connection: Connection refused"));
    nj_buf_finish(&answer.body);
    close(fd);
}

enum { NETWORK_US = 80 * NJ_US_PER_MS, SLACK_US = 2 * NJ_US_PER_S };

struct line {
    struct peer *peer;
    struct nj_tcp_proxy *proxy;
    char url[128];
};

static void open_line(struct line *line, struct peer *peer, const char *path)
{
    *line = (struct line){.peer = peer};
    line->proxy = nj_tcp_proxy_create(nj_http_server_port(peer->server));
    snprintf(line->url, sizeof line->url, "http://127.0.0.1:%d%s", nj_tcp_proxy_port(line->proxy),
             path);
}

static bool is_whole(const struct answer *answer)
{
    return answer->code == 0 && answer->status == 200 && answer->body.length > 0 &&
           strcmp(answer->body.data, "POST|application/x-www-form-urlencoded||body") == 0;
}

static void post_over(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    char text[NJ_PROXY_TEXT_MAX];
    struct nj_http_call call = call_of("POST", line->url);
    const int before = atomic_load(&line->peer->handled);
    call.body = "body";
    call.body_length = 4;
    call.total_timeout_us = call.connect_timeout_us = NETWORK_US;
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    struct answer broken = ask(&call);
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    call.total_timeout_us = call.connect_timeout_us = SLACK_US; // a machine under load
    struct answer answer = ask(&call);
    const int handled = atomic_load(&line->peer->handled) - before;
    const bool failed = broken.code == NJ_E_UNAVAILABLE || broken.code == NJ_E_TIMEOUT;
    if ((!is_whole(&broken) && (!failed || broken.body.length > 0)) || !is_whole(&answer) ||
        handled > 2 || took_us > NETWORK_US + SLACK_US)
        fail_msg("%s: code %d, status %d, \"%s\", %s; then code %d; handled %d times",
                 nj_proxy_rule_text(rule, text), broken.code, broken.status,
                 broken.body.length > 0 ? broken.body.data : "", broken.err.text, answer.code,
                 handled);
    nj_buf_finish(&broken.body);
    nj_buf_finish(&answer.body);
}

static void answer_is_whole_or_an_error_however_the_network_breaks(void **state)
{
    struct line line;
    open_line(&line, *state, "/echo");
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = post_over, .arg = &line, .points = 512};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
}

// A connection that was kept ends while the answer to what was sent on it is on its way: whether
// the server did it is not known, and it is not asked again.
static void lost_answer_on_a_kept_connection_is_told_and_not_sent_again(void **state)
{
    static const enum nj_proxy_fault faults[] = {NJ_PROXY_CUT, NJ_PROXY_RESET};
    struct line line;
    open_line(&line, *state, "/echo");
    struct nj_http_call call = call_of("POST", line.url);
    call.body = "body";
    call.body_length = 4;
    for (size_t i = 0; i < NJ_COUNT_OF(faults); i++) {
        const struct nj_proxy_rule rule = {faults[i], NJ_PROXY_TO_CLIENT, 0, 0};
        const int before = atomic_load(&line.peer->handled);
        struct nj_http_client *client;
        struct nj_buf body;
        int status = 0;
        nj_buf_init(&body, 1 << 20);
        assert_int_equal(nj_http_client_create(&client, NULL), 0);
        assert_int_equal(nj_http_client_call(client, &call, &status, &body, NULL), 0);
        nj_tcp_proxy_strike(line.proxy, &rule);
        assert_int_equal(nj_http_client_call(client, &call, &status, &body, NULL),
                         NJ_E_UNAVAILABLE);
        assert_int_equal(atomic_load(&line.peer->handled) - before, 2);
        nj_tcp_proxy_heal(line.proxy);
        assert_int_equal(nj_http_client_call(client, &call, &status, &body, NULL), 0);
        nj_http_client_destroy(client);
        nj_buf_finish(&body);
    }
    nj_tcp_proxy_destroy(line.proxy);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int http_client_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(body_and_headers_arrive_with_the_method),
        CASE(file_goes_as_multipart_form),
        CASE(every_status_is_an_answer_and_redirects_are_not_followed),
        CASE(failures_have_their_code_and_change_nothing),
        CASE(rules_are_checked_where_it_connects),
        CASE(a_name_that_hangs_costs_the_time_for_connecting),
        CASE(what_was_judged_is_what_is_connected_to),
        CASE(every_address_of_a_name_is_tried),
        CASE(a_client_remembers_its_names),
        CASE(cancelling_ends_a_running_call),
        CASE(odd_answers_are_judged_by_what_came_of_them),
        CASE(errors_show_no_credentials),
        CASE(answer_is_whole_or_an_error_however_the_network_breaks),
        CASE(lost_answer_on_a_kept_connection_is_told_and_not_sent_again),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
