// SPDX-License-Identifier: Apache-2.0
// The http engine against a service of one socket, which answers as the test has written.
#include "tests/unit/detect/detect_helper.h"

#include "tests/fake/tcp_proxy.h"
#include "util/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_test(void);

enum { ANSWERS_MAX = 8, REQUEST_MAX = 1 << 20 };

struct answer {
    int status; // 0: hang up without an answer
    const char *body;
};

struct service {
    int socket;
    char url[64];
    pthread_t thread;
    bool ended; // the thread is joined
    const struct answer *answers;
    size_t count;
    atomic_size_t served;
    char *request; // the newest, NUL-terminated
    size_t request_length;
};

static const char two_objects[] =
    "{\"detections\":[{\"class\":\"dog\",\"confidence\":0.6,\"bbox\":{\"x\":2,\"y\":4,\"width\":20,"
    "\"height\":10}},{\"class\":\"person\",\"confidence\":0.95,\"bbox\":{\"x\":30,\"y\":10,"
    "\"width\":10,\"height\":20}},{\"class\":\"dog\",\"confidence\":0.1,\"bbox\":{\"x\":2,"
    "\"y\":4,\"width\":20,\"height\":10}}],\"inference_time_ms\":45.2,\"image_width\":64,"
    "\"image_height\":48}";

// Reads a whole request: head, then as many bytes as it says.
static void read_request(struct service *service, int peer)
{
    size_t length = 0;
    size_t needed = SIZE_MAX;
    while (length < needed && length < REQUEST_MAX) {
        const ssize_t got = recv(peer, service->request + length, REQUEST_MAX - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        service->request[length] = '\0';
        const char *end = strstr(service->request, "\r\n\r\n");
        const char *size = strstr(service->request, "Content-Length: ");
        if (end != NULL)
            needed = (size_t)(end - service->request) + 4 +
                     (size != NULL ? (size_t)strtoul(size + 16, NULL, 10) : 0);
    }
    service->request_length = length;
}

// The client may be gone.
static void send_answer(int peer, const struct answer *answer)
{
    char head[256];
    const int length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n",
                 answer->status, strlen(answer->body));
    (void)send(peer, head, (size_t)length, MSG_NOSIGNAL);
    (void)send(peer, answer->body, strlen(answer->body), MSG_NOSIGNAL);
}

static void serve(void *arg)
{
    struct service *service = arg;
    for (size_t i = 0; i < service->count; i++) {
        const int peer = accept(service->socket, NULL, NULL);
        if (peer < 0)
            return;
        read_request(service, peer);
        const struct answer *answer = &service->answers[i];
        atomic_fetch_add(&service->served, 1);
        if (answer->status != 0)
            send_answer(peer, answer);
        close(peer);
    }
}

static void start_service(struct service *service, const struct answer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    memset(service, 0, sizeof *service);
    service->answers = answers;
    service->count = count;
    service->request = calloc(1, REQUEST_MAX + 1);
    assert_non_null(service->request);
    service->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(service->socket >= 0);
    assert_int_equal(bind(service->socket, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(service->socket, 8), 0);
    assert_int_equal(getsockname(service->socket, (struct sockaddr *)&address, &length), 0);
    // The slash at the end must not double.
    snprintf(service->url, sizeof service->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    assert_int_equal(nj_thread_start(&service->thread, "service", serve, service, NULL), 0);
}

// Waits until all answers are given; the request may be looked at then.
static void end_service(struct service *service)
{
    if (!service->ended)
        nj_thread_join(service->thread);
    service->ended = true;
}

static void stop_service(struct service *service)
{
    shutdown(service->socket, SHUT_RDWR);
    end_service(service);
    close(service->socket);
    free(service->request);
}

struct client {
    nj_us patience_us; // for an answer, and one try; 0: as usual
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
    struct nj_breaker *breaker;
};

static void start_client(struct client *client, const char *url)
{
    static const struct nj_breaker_options breaker_options = {.name = "detector_http",
                                                              .failure_threshold = 2,
                                                              .recovery_us =
                                                                  60 * (nj_us)NJ_US_PER_S,
                                                              .half_open_max = 1,
                                                              .success_threshold = 1};
    struct nj_detect_options options = make_options();
    options.engine = NJ_ENGINE_HTTP;
    options.http_url = url;
    options.http_api_key = "k3y";
    if (client->patience_us > 0) {
        options.http_connect_us = options.http_read_us = client->patience_us;
        options.http_tries = 1;
    }
    assert_int_equal(nj_breaker_create(&breaker_options, nj_clock_real(), &client->breaker), 0);
    const struct nj_detector_config config = {
        .options = &options, .clock = nj_clock_real(), .breaker = client->breaker};
    assert_int_equal(nj_detector_create(&config, &client->detector, NULL), 0);
    assert_int_equal(nj_detector_thread_create(client->detector, &client->thread, NULL), 0);
}

static void stop_client(struct client *client)
{
    nj_detector_thread_destroy(client->thread);
    nj_detector_destroy(client->detector);
    nj_breaker_destroy(client->breaker);
}

static int run(struct client *client, const struct nj_rect *crop, struct nj_detections *out,
               struct nj_error *err)
{
    struct nj_frame *frame = make_frame(64, 48);
    frame->full_width = 128; // decoded at half its size
    frame->full_height = 96;
    const struct nj_detect_request request = {.frames = &frame, .crops = crop, .count = 1};
    const int rc = nj_detector_run(client->thread, &request, out, err);
    nj_frame_unref(frame);
    return rc;
}

static bool contains(const struct service *service, const char *text)
{
    return memmem(service->request, service->request_length, text, strlen(text)) != NULL;
}

static void a_picture_goes_out_as_a_file_and_boxes_come_back(void **state)
{
    (void)state;
    static const struct answer answers[] = {{200, two_objects}};
    struct service service;
    struct client client = {0};
    static struct nj_detections out;
    start_service(&service, answers, 1);
    start_client(&client, service.url);
    assert_int_equal(run(&client, NULL, &out, NULL), 0);
    end_service(&service);
    assert_memory_equal(service.request, "POST /detect HTTP/1.1\r\n", 23);
    assert_true(contains(&service, "name=\"file\""));
    assert_true(contains(&service, "Content-Type: image/jpeg"));
    assert_true(contains(&service, "X-API-Key: k3y"));
    assert_true(contains(&service, "\xff\xd8\xff")); // a JPEG begins
    assert_int_equal(out.count, 2);                  // the third is not sure enough
    assert_string_equal(nj_detector_class_name(client.detector, out.items[0].class_id), "person");
    assert_float_equal(out.items[0].box.x, 60, 1e-3); // in pixels of the original
    assert_float_equal(out.items[0].box.h, 40, 1e-3);
    assert_string_equal(nj_detector_device(client.detector), "http");
    stop_client(&client);
    stop_service(&service);
}

static void a_service_is_not_said_to_run_a_model_of_ours(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    options.engine = NJ_ENGINE_HTTP;
    options.http_url = "http://127.0.0.1:1";
    const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
    struct nj_detector *detector = NULL;
    assert_int_equal(nj_detector_create(&config, &detector, NULL), 0);
    assert_string_equal(nj_detector_model(detector)->name, "yolo26");
    assert_float_equal(nj_detector_threshold(detector), 0.5, 1e-9);
    assert_float_equal(nj_detector_model(detector)->fast_path_threshold, 0.9, 1e-9);
    assert_true(nj_model_class(nj_detector_model(detector), "truck") >= 0);
    nj_detector_destroy(detector);
    // Who names a manifest says what the service runs.
    options.model = "centernet_512";
    assert_int_equal(nj_detector_create(&config, &detector, NULL), 0);
    assert_string_equal(nj_detector_model(detector)->name, "centernet_512");
    nj_detector_destroy(detector);
}

static void boxes_of_a_crop_are_moved_back(void **state)
{
    (void)state;
    static const struct answer answers[] = {{200, two_objects}};
    struct service service;
    struct client client = {0};
    static struct nj_detections out;
    const struct nj_rect crop = {.x = 21, .y = 10, .w = 100, .h = 80};
    start_service(&service, answers, 1);
    start_client(&client, service.url);
    assert_int_equal(run(&client, &crop, &out, NULL), 0);
    // The corner is at (10.5, 5) of the half-sized frame and moves out to (10, 4): (20, 8).
    assert_float_equal(out.items[1].box.x, 20 + 2 * 2, 1e-3);
    assert_float_equal(out.items[1].box.y, 8 + 2 * 4, 1e-3);
    const struct nj_rect outside = {.x = 200, .y = 10, .w = 100, .h = 80};
    assert_int_equal(run(&client, &outside, &out, NULL), NJ_E_INVALID);
    stop_client(&client);
    stop_service(&service);
}

// What the service does on each try, and how it ends. The breaker opens after two failed calls.
static const struct {
    struct answer answers[ANSWERS_MAX];
    size_t count; // of answers that must be asked for
    int rc;
    unsigned breaker_failures;
} cases[] = {
    {{{503, "busy"}, {0, ""}, {200, two_objects}}, 3, 0, 0}, // tried again
    {{{500, ""}, {500, ""}, {500, ""}}, 3, NJ_E_UNAVAILABLE, 1},
    {{{400, "no"}}, 1, NJ_E_INVALID, 0}, // a refusal is not tried again, the service is there
    {{{404, "no"}}, 1, NJ_E_INVALID, 0},
    {{{200, "not json"}}, 1, NJ_E_CORRUPT, 1},
    {{{200, "{}"}}, 1, NJ_E_CORRUPT, 1},
    {{{200, "{\"detections\":[{\"class\":\"dog\"}]}"}}, 1, NJ_E_CORRUPT, 1},
};

static void only_what_may_pass_is_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct service service;
        struct client client = {0};
        struct nj_error error = {0};
        struct nj_breaker_status status;
        static struct nj_detections out;
        start_service(&service, cases[i].answers, cases[i].count);
        start_client(&client, service.url);
        const int rc = run(&client, NULL, &out, &error);
        nj_breaker_get(client.breaker, &status);
        if (rc != cases[i].rc || atomic_load(&service.served) != cases[i].count ||
            status.failures != cases[i].breaker_failures)
            fail_msg("case %zu: rc %d, %zu served, %u failures, %s", i, rc,
                     atomic_load(&service.served), status.failures, error.text);
        stop_client(&client);
        stop_service(&service);
    }
}

static void an_open_breaker_asks_nobody(void **state)
{
    (void)state;
    struct service service;
    struct client client = {0};
    struct nj_error error = {0};
    static struct nj_detections out;
    start_service(&service, NULL, 0); // accepts nothing
    start_client(&client, service.url);
    for (int i = 0; i < 2; i++) {
        uint64_t round = 0;
        assert_int_equal(nj_breaker_enter(client.breaker, &round, NULL), 0);
        nj_breaker_failure(client.breaker, round);
    }
    assert_int_equal(run(&client, NULL, &out, &error), NJ_E_UNAVAILABLE);
    stop_client(&client);
    stop_service(&service);
}

static void probe_asks_for_health(void **state)
{
    (void)state;
    static const struct answer answers[] = {{200, "{}"}, {404, "{}"}, {503, ""}};
    struct service service;
    struct client client = {0};
    start_service(&service, answers, 3);
    start_client(&client, service.url);
    assert_int_equal(nj_detector_probe(client.thread, NULL), 0);
    assert_int_equal(nj_detector_probe(client.thread, NULL), NJ_E_UNAVAILABLE);
    assert_int_equal(nj_detector_probe(client.thread, NULL), NJ_E_UNAVAILABLE);
    end_service(&service);
    assert_memory_equal(service.request, "GET /health HTTP/1.1\r\n", 22);
    stop_client(&client);
    stop_service(&service);
}

static void an_address_is_needed(void **state)
{
    (void)state;
    struct nj_detect_options options = make_options();
    struct nj_detector *detector = NULL;
    struct nj_error error = {0};
    options.engine = NJ_ENGINE_HTTP;
    options.http_url = "//";
    const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
    assert_int_equal(nj_detector_create(&config, &detector, &error), NJ_E_INVALID);
    assert_non_null(strstr(error.text, "detect.http_url"));
}

enum {
    PATIENCE_US = 60 * NJ_US_PER_MS,
    SLACK_US = 2 * NJ_US_PER_S, // a machine under load
    POINTS = 24,
    REQUESTS_MAX = 1024,
};

struct line {
    struct service service;
    struct nj_tcp_proxy *proxy;
    char url[64];
};

static int run_over(const struct line *line, nj_us patience_us, size_t *out_count,
                    struct nj_error *err)
{
    struct client client = {.patience_us = patience_us};
    static struct nj_detections out;
    out.count = 0;
    start_client(&client, line->url);
    const int rc = run(&client, NULL, &out, err);
    stop_client(&client);
    *out_count = out.count;
    return rc;
}

static void detect_over(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_error err = {0};
    char text[NJ_PROXY_TEXT_MAX];
    size_t count, second;
    const size_t served = atomic_load(&line->service.served);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    const int rc = run_over(line, PATIENCE_US, &count, &err);
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    const int again = run_over(line, SLACK_US, &second, NULL);
    if (rc == 0 ? count != 2 : (rc != NJ_E_UNAVAILABLE && rc != NJ_E_TIMEOUT) || count != 0)
        fail_msg("%s: %d \"%s\", %zu found", nj_proxy_rule_text(rule, text), rc, err.text, count);
    if (again != 0 || second != 2 || took_us > 2 * PATIENCE_US + SLACK_US ||
        atomic_load(&line->service.served) - served > 2)
        fail_msg("%s: %lld us, then %d, %zu found; asked %zu times", nj_proxy_rule_text(rule, text),
                 (long long)took_us, again, second, atomic_load(&line->service.served) - served);
}

static void what_was_found_is_whole_or_an_error_however_the_network_breaks(void **state)
{
    static struct answer answers[REQUESTS_MAX];
    struct line line;
    (void)state;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        answers[i] = (struct answer){200, two_objects};
    start_service(&line.service, answers, REQUESTS_MAX);
    line.proxy = nj_tcp_proxy_create((int)strtol(strrchr(line.service.url, ':') + 1, NULL, 10));
    snprintf(line.url, sizeof line.url, "http://127.0.0.1:%d", nj_tcp_proxy_port(line.proxy));
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = detect_over, .arg = &line, .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
    stop_service(&line.service);
}

int http_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_goes_out_as_a_file_and_boxes_come_back),
        cmocka_unit_test(a_service_is_not_said_to_run_a_model_of_ours),
        cmocka_unit_test(boxes_of_a_crop_are_moved_back),
        cmocka_unit_test(only_what_may_pass_is_tried_again),
        cmocka_unit_test(an_open_breaker_asks_nobody),
        cmocka_unit_test(probe_asks_for_health),
        cmocka_unit_test(an_address_is_needed),
        cmocka_unit_test(what_was_found_is_whole_or_an_error_however_the_network_breaks),
    };
    return cmocka_run_group_tests_name("http engine", tests, NULL, NULL);
}
