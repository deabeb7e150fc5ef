// SPDX-License-Identifier: Apache-2.0
// Every route of the table: it answers, it is described, and its answer has the described form.
#include "http/http_priv.h"
#include "storage/store_records.h"

#include "tests/unit/http/http_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int http_routes_test(void);

static int add_record(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct nj_foreign_cell key = {.column = "id", .kind = NJ_CELL_TEXT, .text = "1"};
    const struct nj_foreign_write write = {
        .table = "cars", .key_column = "id", .cells = &key, .cell_count = 1};
    (void)arg;
    return nj_records_write(db, &write, err);
}

static void fill(struct http_fixture *fixture)
{
    char path[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 400, 300, path);
    http_add_detection(fixture, "door", path, 30); // id 1
    http_add_event(fixture, "door", 90, 60);       // id 1
    http_add_event(fixture, "door", 10, 7200);     // id 2
    http_write(fixture, add_record, NULL);
}

// A path of the pattern for which there is something.
static void concrete(const struct nj_route *route, char *out, size_t size)
{
    size_t used = 0;
    for (const char *at = route->pattern; *at != '\0' && used + 40 < size;) {
        if (*at != '{') {
            out[used++] = *at++;
            continue;
        }
        const char *value = "1";
        if (strncmp(at, "{queue}", 7) == 0)
            value = "dlq:detection_queue";
        else if (strncmp(at, "{name}", 6) == 0)
            value = "llm";
        else if (strncmp(at, "{table}", 7) == 0)
            value = "cars";
        else if (strncmp(route->pattern, "/api/cameras", 12) == 0)
            value = "door";
        used += (size_t)snprintf(out + used, size - used, "%s", value);
        at += strcspn(at, "}") + 1;
    }
    out[used] = '\0';
}

static const char *const types[] = {"object", "array",   "string", "integer",
                                    "number", "boolean", "null"};

static bool has_type(const json_t *value, const char *type)
{
    const bool is[] = {json_is_object(value),  json_is_array(value),  json_is_string(value),
                       json_is_integer(value), json_is_number(value), json_is_boolean(value),
                       json_is_null(value)};
    for (size_t i = 0; i < NJ_COUNT_OF(types); i++) {
        if (strcmp(types[i], type) == 0)
            return is[i];
    }
    fail_msg("unknown type %s", type);
    return false;
}

struct form {
    const json_t *schemas;
    char why[256];
};

static bool fits(struct form *form, const json_t *schema, const json_t *value, const char *place);

static bool fits_type(struct form *form, const json_t *schema, const json_t *value,
                      const char *place)
{
    const json_t *type = json_object_get(schema, "type");
    bool good = type == NULL || (json_is_string(type) && has_type(value, json_string_value(type)));
    for (size_t i = 0; i < json_array_size(type); i++)
        good |= has_type(value, json_string_value(json_array_get(type, i)));
    if (!good)
        snprintf(form->why, sizeof form->why, "%s has another type", place);
    return good;
}

static bool fits_members(struct form *form, const json_t *schema, const json_t *value,
                         const char *place)
{
    const json_t *required = json_object_get(schema, "required");
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *rest = json_object_get(schema, "additionalProperties");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(value, name) == NULL) {
            snprintf(form->why, sizeof form->why, "%s has no %s", place, name);
            return false;
        }
    }
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const json_t *of = json_object_get(properties, key);
        if (of == NULL)
            of = rest;
        if (of != NULL && !fits(form, of, member, key))
            return false;
    }
    return true;
}

static bool fits_one_of(struct form *form, const json_t *choices, const json_t *value,
                        const char *place)
{
    for (size_t i = 0; i < json_array_size(choices); i++) {
        if (fits(form, json_array_get(choices, i), value, place))
            return true;
    }
    return false;
}

static bool fits(struct form *form, const json_t *schema, const json_t *value, const char *place)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref != NULL) {
        schema = json_object_get(form->schemas, strrchr(ref, '/') + 1);
        if (schema == NULL)
            fail_msg("%s is not described", ref);
    }
    const json_t *choices = json_object_get(schema, "oneOf");
    if (choices != NULL)
        return fits_one_of(form, choices, value, place);
    if (!fits_type(form, schema, value, place))
        return false;
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        if (!fits(form, json_object_get(schema, "items"), json_array_get(value, i), place))
            return false;
    }
    return !json_is_object(value) || fits_members(form, schema, value, place);
}

// Parts that the fixture lacks; the tests with the whole program ask for them.
static bool is_asked_elsewhere(const char *path)
{
    static const char *const starts[] = {
        "/api/images",        "/api/models", "/api/sources", "/api/streams",
        "/api/subscriptions", "/camera/",    "/ws/worker",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(starts); i++) {
        if (strncmp(path, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static void check_answer(struct http_fixture *fixture, const struct nj_route *route,
                         const json_t *description)
{
    char path[256];
    concrete(route, path, sizeof path);
    bool patch = strcmp(route->method, "PATCH") == 0;
    const struct nj_answer *answer =
        http_ask(fixture, route->method, path, patch ? "Content-Type: application/json\r\n" : "",
                 patch ? "{\"reviewed\":true}" : NULL);
    bool requeue = strstr(path, "/requeue") != NULL;
    if (is_asked_elsewhere(path)) {
        assert_int_equal(answer->status, 503);
        return;
    }
    if (strncmp(path, "/ws/", 4) == 0) {
        assert_int_equal(answer->status, 400); // no handshake was asked for
        return;
    }
    if (requeue && answer->status == 404) // there are no letters
        return;
    if (answer->status != 200)
        fail_msg("%s %s: %d %.300s", route->method, path, answer->status, answer->body);
    char type[128];
    nj_answer_header(answer, "Content-Type", type, sizeof type);
    const char *wanted = route->type != NULL ? route->type : "application/json";
    if (strncmp(type, wanted, strlen(wanted)) != 0)
        fail_msg("%s: %s instead of %s", path, type, wanted);
    if (route->type != NULL)
        return;
    json_t *root = json_loadb(answer->body, answer->length, JSON_REJECT_DUPLICATES, NULL);
    struct form form = {.schemas =
                            json_object_get(json_object_get(description, "components"), "schemas")};
    json_t *schema = json_pack("{s:s+}", "$ref", "#/components/schemas/",
                               route->schema != NULL ? route->schema : "Liveness");
    if (root == NULL || (route->schema != NULL && !fits(&form, schema, root, route->schema)))
        fail_msg("%s %s: %s in %.500s", route->method, path, form.why, answer->body);
    json_decref(schema);
    json_decref(root);
}

// A body is described where one is read, by a schema that stands beside it.
static void check_body(const json_t *operation, const struct nj_route *route,
                       const json_t *description)
{
    const char *schema = NULL;
    json_error_t why;
    json_t *body = json_object_get(operation, "requestBody");
    assert_int_equal(body != NULL, route->body != NULL);
    if (body == NULL)
        return;
    if (json_unpack_ex(body, &why, 0, "{s:{s:{s:{s:s}}}}", "content", "application/json", "schema",
                       "$ref", &schema) != 0)
        fail_msg("%s: %s", route->pattern, why.text);
    assert_string_equal(strrchr(schema, '/') + 1, route->body);
    const json_t *schemas = json_object_get(json_object_get(description, "components"), "schemas");
    assert_non_null(json_object_get(schemas, route->body));
}

static void every_route_is_described_and_answers_as_described(void **state)
{
    struct http_fixture *fixture = *state;
    fill(fixture);
    json_t *description = http_json(fixture, "/openapi.json", 200);
    assert_string_equal(json_string_value(json_object_get(description, "openapi")), "3.1.0");
    const json_t *paths = json_object_get(description, "paths");
    size_t described = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)paths, key, value) described +=
        json_object_size(value);
    assert_int_equal(described, nj_route_count);
    for (size_t i = 0; i < nj_route_count; i++) {
        char method[8] = "";
        for (size_t k = 0; nj_routes[i].method[k] != '\0'; k++)
            method[k] = (char)(nj_routes[i].method[k] | 0x20);
        const json_t *path = json_object_get(paths, nj_routes[i].pattern);
        const json_t *operation = json_object_get(path, method);
        assert_non_null(json_object_get(operation, "operationId"));
        check_body(operation, &nj_routes[i], description);
        check_answer(fixture, &nj_routes[i], description);
    }
    json_decref(description);
}

static void table_is_sorted_and_says_what_each_route_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_route_count; i++) {
        assert_true(strlen(nj_routes[i].summary) > 5);
        if (i == 0)
            continue;
        int order = strcmp(nj_routes[i - 1].pattern, nj_routes[i].pattern);
        if (order == 0)
            order = strcmp(nj_routes[i - 1].method, nj_routes[i].method);
        if (order >= 0)
            fail_msg("%s %s is not in order", nj_routes[i].method, nj_routes[i].pattern);
    }
}

static void only_the_named_routes_are_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_route_count; i++) {
        const char *pattern = nj_routes[i].pattern;
        bool named = strcmp(pattern, "/") == 0 || strcmp(pattern, "/health") == 0 ||
                     strcmp(pattern, "/ready") == 0;
        assert_int_equal(nj_routes[i].open, named);
    }
}

static void routes_without_their_part_answer_503_and_name_it(void **state)
{
    struct http_fixture *fixture = *state;
    for (size_t i = 0; i < nj_route_count; i++) {
        const struct nj_route *route = &nj_routes[i];
        char path[256];
        concrete(route, path, sizeof path);
        bool patch = strcmp(route->method, "PATCH") == 0;
        const struct nj_answer *answer = http_ask(fixture, route->method, path,
                                                  patch ? "Content-Type: application/json\r\n" : "",
                                                  patch ? "{\"reviewed\":true}" : NULL);
        bool alone = strcmp(path, "/") == 0 || strcmp(path, "/health") == 0 ||
                     strcmp(path, "/openapi.json") == 0 ||
                     strcmp(path, "/api/system/health/live") == 0;
        if (answer->status != (alone ? 200 : 503))
            fail_msg("%s %s: %d", route->method, path, answer->status);
        if (!alone)
            http_expect(answer, 503, "is not running here");
    }
}

int http_routes_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_route_is_described_and_answers_as_described,
                                        http_setup, http_teardown),
        cmocka_unit_test(table_is_sorted_and_says_what_each_route_does),
        cmocka_unit_test(only_the_named_routes_are_open),
        cmocka_unit_test_setup_teardown(routes_without_their_part_answer_503_and_name_it,
                                        http_setup_bare, http_teardown),
    };
    return cmocka_run_group_tests_name("http routes", tests, NULL, NULL);
}
