// SPDX-License-Identifier: Apache-2.0
// Who may ask: API keys in all their places, names in Host, pages in Origin, methods, bodies.
#include "http/http.h"

#include "tests/unit/http/http_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int http_guard_test(void);

// SHA-256 of "abc" (FIPS 180-4, example).
static const char *const keys[] = {
    "first-key", "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"};

static int setup_keys(void **state)
{
    http_setup_unstarted(state);
    struct http_fixture *fixture = *state;
    fixture->options.api_key_enabled = true;
    fixture->options.api_keys = (struct nj_text_list){keys, 2};
    http_start(fixture);
    return 0;
}

static void keys_are_taken_where_clients_put_them(void **state)
{
    static const struct {
        const char *path, *headers;
        int status;
    } cases[] = {
        {"/api/logs", "", 401},
        {"/api/logs", "X-API-Key: first-key\r\n", 200},
        {"/api/logs", "X-API-Key: abc\r\n", 200},
        {"/api/logs", "X-API-Key: first-ke\r\n", 401},
        {"/api/logs", "X-API-Key: first-key2\r\n", 401},
        {"/api/logs", "X-API-Key: \r\n", 401},
        {"/api/logs", "Authorization: Bearer abc\r\n", 200},
        {"/api/logs", "Authorization: bearer first-key\r\n", 200},
        {"/api/logs", "Authorization: Basic abc\r\n", 401},
        {"/api/logs?api_key=first-key", "", 200},
        {"/api/logs?api_key=first%2Dkey", "", 200},
        {"/api/logs?api_key=", "", 401},
        {"/api/logs?token=first-key", "", 401},
        {"/api/logs", "Sec-WebSocket-Protocol: api-key.first-key\r\n", 401},
        {"/api/logs",
         "X-API-Key: sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF6"
         "1F20015AD\r\n",
         401},
        {"/api/detections/1/image", "", 401},
        {"/api/cameras/a/snapshot", "", 401},
        {"/api/metrics", "", 401},
        {"/openapi.json", "", 401},
        {"/api/no-such-thing", "", 401},
        {"/ws/events", "", 401},
        {"/", "", 200},
        {"/health", "", 200},
        {"/ready", "", 200},
        {"/view/of/the/page", "", 200},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_answer *answer =
            http_ask(*state, "GET", cases[i].path, cases[i].headers, NULL);
        if (answer->status != cases[i].status)
            fail_msg("%s %s: %d", cases[i].path, cases[i].headers, answer->status);
        if (answer->status == 401)
            http_expect(answer, 401, "\"code\":\"AUTHENTICATION_REQUIRED\"");
    }
    char value[64];
    const struct nj_answer *answer = http_get(*state, "/api/logs");
    assert_string_equal(nj_answer_header(answer, "WWW-Authenticate", value, sizeof value),
                        "Bearer realm=\"nightjar\"");
}

static void websockets_take_keys_as_subprotocol_and_echo_a_name(void **state)
{
    static const struct {
        const char *offer, *chosen;
    } cases[] = {
        {"api-key.first-key", "api-key.first-key"},
        {"api-key.abc, nightjar", "nightjar"},
        {"nightjar,api-key.abc", "nightjar"},
    };
    struct http_fixture *fixture = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char request[512], want[128];
        struct nj_loop_client client = {0};
        snprintf(request, sizeof request,
                 "GET /ws/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Protocol: %s\r\n\r\n",
                 cases[i].offer);
        nj_loop_client_open(&client, fixture->loop, nj_api_port(fixture->api));
        nj_loop_client_send(&client, request, strlen(request));
        while (client.in.length == 0)
            assert_true(nj_loop_client_more(&client));
        snprintf(want, sizeof want, "Sec-WebSocket-Protocol: %s\r\n", cases[i].chosen);
        assert_non_null(strstr(client.in.data, "HTTP/1.1 101 "));
        assert_non_null(strstr(client.in.data, want));
        nj_loop_client_close(&client);
    }
}

static int setup_token(void **state)
{
    http_setup_unstarted(state);
    struct http_fixture *fixture = *state;
    fixture->options.websocket_token = "tok";
    http_start(fixture);
    return 0;
}

static void websocket_token_guards_the_sockets_alone(void **state)
{
    struct http_fixture *fixture = *state;
    assert_int_equal(http_get(fixture, "/api/logs")->status, 200);
    assert_int_equal(http_get(fixture, "/ws/events")->status, 401);
    assert_int_equal(http_get(fixture, "/ws/events?token=to")->status, 401);
    assert_int_equal(http_get(fixture, "/ws/events?token=tok")->status, 400); // no handshake
    struct nj_loop_client client = {0};
    char message[512];
    nj_loop_client_open(&client, fixture->loop, nj_api_port(fixture->api));
    nj_ws_open(&client, "/ws/system?token=tok", "");
    assert_non_null(strstr(nj_ws_next(&client, message, sizeof message), "connected"));
    nj_loop_client_close(&client);
}

static void settings_that_open_or_close_everything_are_refused(void **state)
{
    static const char *const bad_hash[] = {"sha256:12"};
    static const char *const empty[] = {""};
    static const struct {
        const char *host;
        struct nj_api_options options;
        int rc;
        const char *text;
    } cases[] = {
        {"0.0.0.0", {0}, NJ_E_DENIED, "api.allow_open"},
        {"192.168.1.5", {0}, NJ_E_DENIED, "192.168.1.5"},
        {"::", {0}, NJ_E_DENIED, "api.keys"},
        {"0.0.0.0", {.allow_open = true}, 0, ""},
        {"127.0.0.2", {0}, 0, ""},
        {"::1", {0}, 0, ""},
        {"0.0.0.0", {.api_key_enabled = true, .api_keys = {keys, 2}}, 0, ""},
        {"127.0.0.1", {.api_key_enabled = true}, NJ_E_INVALID, "nobody could come in"},
        {"127.0.0.1", {.api_keys = {bad_hash, 1}}, NJ_E_INVALID, "64 hex digits"},
        {"127.0.0.1", {.api_keys = {empty, 1}}, NJ_E_INVALID, "a key is empty"},
    };
    struct http_fixture *fixture = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_error err = {.text = ""};
        struct nj_api *api = NULL;
        fixture->server.host = cases[i].host;
        int rc = nj_api_create(&fixture->context, &cases[i].options, &fixture->server, &api, &err);
        if (rc != cases[i].rc || strstr(err.text, cases[i].text) == NULL)
            fail_msg("%zu: %d %s", i, rc, err.text);
        nj_api_destroy(api);
    }
}

static void names_that_are_not_ours_are_refused(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"localhost", 200},          {"LOCALHOST:8000", 200},
        {"127.0.0.1:1", 200},        {"127.9.9.9", 200},
        {"[::1]:8000", 200},         {"[::1]", 200},
        {"localhost.", 200},         {"app.localhost", 200},
        {"cam.example", 200},        {"CAM.example:99", 200},
        {"proxy.example:8443", 200}, {"proxy.example", 421},
        {"evil.example", 421},       {"localhost.evil.example", 421},
        {"xlocalhost", 421},         {"192.168.0.1", 421},
        {"cam.example.evil", 421},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char headers[128];
        snprintf(headers, sizeof headers, "Host: %s\r\n", cases[i].host);
        const struct nj_answer *answer = http_ask(*state, "GET", "/health", headers, NULL);
        if (answer->status != cases[i].status)
            fail_msg("%s: %d", cases[i].host, answer->status);
    }
}

static int setup_hosts(void **state)
{
    static const char *const hosts[] = {"cam.example", "proxy.example:8443"};
    http_setup_unstarted(state);
    struct http_fixture *fixture = *state;
    fixture->options.allowed_hosts = (struct nj_text_list){hosts, 2};
    http_start(fixture);
    return 0;
}

static void foreign_pages_may_not_change_or_listen(void **state)
{
    static const struct {
        const char *method, *path, *headers;
        int status;
    } cases[] = {
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: http://localhost\r\n", 404},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "", 404},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: http://evil.example\r\n", 403},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: http://localhost:5173\r\n", 403},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: null\r\n", 403},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: https://cam.example\r\n", 404},
        {"POST", "/api/dlq/requeue/dlq:detection_queue", "Origin: https://proxy.example:8443\r\n",
         404},
        {"DELETE", "/api/dlq/dlq:detection_queue", "Origin: http://evil.example\r\n", 403},
        {"GET", "/api/logs", "Origin: http://evil.example\r\n", 200}, // unreadable to that page
        {"GET", "/ws/events", "Origin: http://evil.example\r\n", 403},
        {"GET", "/ws/events", "Origin: http://localhost\r\n", 400}, // allowed, but no handshake
        {"GET", "/ws/events", "Host: localhost:8000\r\nOrigin: http://localhost:8000\r\n", 400},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_answer *answer =
            http_ask(*state, cases[i].method, cases[i].path, cases[i].headers, NULL);
        if (answer->status != cases[i].status)
            fail_msg("%zu: %d", i, answer->status);
    }
}

static void methods_and_bodies_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *method, *path, *headers, *body;
        int status;
        const char *allow;
    } cases[] = {
        {"POST", "/api/cameras", "", NULL, 405, "GET, HEAD"},
        {"DELETE", "/api/events/1", "", NULL, 405, "GET, HEAD, PATCH"},
        {"GET", "/api/dlq/dlq:detection_queue", "", NULL, 405, "DELETE"},
        {"PUT", "/index.html", "", NULL, 405, "GET, HEAD"},
        {"PATCH", "/api/events/1", "Content-Type: text/plain\r\n", "{}", 415, ""},
        {"PATCH", "/api/events/1", "Content-Type: application/jsonx\r\n", "{}", 415, ""},
        {"PATCH", "/api/events/1", "", "{}", 415, ""},
        {"GET", "/api/nothing", "", NULL, 404, ""},
        {"GET", "/api/events/1/x", "", NULL, 404, ""},
        {"GET", "/api/cameras/", "", NULL, 404, ""},
        {"GET", "/api", "", NULL, 404, ""},
        {"GET", "/camera/door", "", NULL, 404, ""},
        {"GET", "/ws/nothing", "", NULL, 404, ""},
        {"GET", "/health/more", "", NULL, 404, ""},
        {"GET", "/cameras", "", NULL, 200, ""}, // may be a view of the page
        {"HEAD", "/api/cameras", "", NULL, 200, ""},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char allow[64];
        const struct nj_answer *answer =
            http_ask(*state, cases[i].method, cases[i].path, cases[i].headers, cases[i].body);
        nj_answer_header(answer, "Allow", allow, sizeof allow);
        if (answer->status != cases[i].status || strcmp(allow, cases[i].allow) != 0)
            fail_msg("%zu: %d %s", i, answer->status, allow);
    }
}

static void id_that_is_too_long_is_a_problem_and_no_page(void **state)
{
    enum { ID_LENGTH = 3000 };
    char path[ID_LENGTH + 32] = "/camera/", type[64];
    size_t used = strlen(path);
    memset(path + used, 'c', ID_LENGTH);
    memcpy(path + used + ID_LENGTH, "/image", sizeof "/image");
    const struct nj_answer *answer = http_get(*state, path);
    http_expect(answer, 404, "there is nothing of so long a name");
    assert_string_equal(nj_answer_header(answer, "Content-Type", type, sizeof type),
                        "application/problem+json");
}

static void every_answer_has_the_security_headers(void **state)
{
    static const char *const paths[] = {
        "/", "/api/cameras", "/api/nothing", "/x.js", "/api/detections/99/image", "/health"};
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        char value[512];
        const struct nj_answer *answer =
            http_ask(*state, "GET", paths[i], "Accept: text/html\r\n", NULL);
        assert_string_equal(nj_answer_header(answer, "X-Content-Type-Options", value, 512),
                            "nosniff");
        assert_string_equal(nj_answer_header(answer, "Referrer-Policy", value, 512), "no-referrer");
        nj_answer_header(answer, "Content-Security-Policy", value, sizeof value);
        assert_non_null(strstr(value, "default-src 'none'"));
        assert_non_null(strstr(value, "frame-ancestors 'none'"));
        assert_null(strstr(value, "unsafe"));
    }
}

int http_guard_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_taken_where_clients_put_them, setup_keys,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(websockets_take_keys_as_subprotocol_and_echo_a_name,
                                        setup_keys, http_teardown),
        cmocka_unit_test_setup_teardown(websocket_token_guards_the_sockets_alone, setup_token,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(settings_that_open_or_close_everything_are_refused,
                                        http_setup_unstarted, http_teardown),
        cmocka_unit_test_setup_teardown(names_that_are_not_ours_are_refused, setup_hosts,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(foreign_pages_may_not_change_or_listen, setup_hosts,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(methods_and_bodies_that_do_not_fit_are_refused, http_setup,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(id_that_is_too_long_is_a_problem_and_no_page, http_setup,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(every_answer_has_the_security_headers, http_setup,
                                        http_teardown),
    };
    return cmocka_run_group_tests_name("http guard", tests, NULL, NULL);
}
