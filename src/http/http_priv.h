// SPDX-License-Identifier: Apache-2.0
// What the files of the API share: the API itself, routes, and one exchange from its request to
// its answer.
#ifndef NJ_HTTP_HTTP_PRIV_H
#define NJ_HTTP_HTTP_PRIV_H

#include "http/http.h"
#include "util/digest.h"
#include "util/json_writer.h"
#include "util/lru.h"
#include "util/mem.h"

#include <stdbool.h>
#include <uv.h>

enum {
    NJ_ROUTE_PARAMS_MAX = 2,
    NJ_ROUTE_PARAM_SIZE = 512, // nothing has a longer name; keys of saved images fit
    NJ_ROUTES_MAX = 64,
    NJ_API_KEYS_MAX = 256,
    NJ_JSON_ANSWER_MAX = 32 << 20, // a page of the largest rows stays below
    NJ_WORKS_RUNNING = 2,          // pictures decoded at once: each may need much memory
    NJ_WORKS_WAITING = 64,         // more are told to come back
    NJ_WEB_ROOT_SIZE = 4096,
    NJ_ETAG_SIZE = 128,
};

struct nj_exchange;

// In the query or in the head of a request.
struct nj_route_parameter {
    const char *name, *type, *help; // type as in JSON schema: "integer", "boolean", "string"
    const char *place;              // "header"; NULL: the query
    bool required;
};

struct nj_route {
    const char *method;  // "GET" answers HEAD too
    const char *pattern; // "/api/events/{id}"
    void (*handle)(struct nj_exchange *exchange);
    bool open;           // no key is asked for
    const char *summary; // one sentence, for openapi
    const char *type;    // of a good answer; NULL: JSON
    const char *schema;  // name in the schemas of openapi; NULL: free form
    int status;          // of a good answer; 0: 200; 204 has no body
    bool unwell;         // answers 503 in the same form when something is wrong
    const char *body;    // schema of the body; NULL: the route reads none
    const struct nj_route_parameter *parameters; // ends with a NULL name; may be NULL
};

// routes.c: all routes, sorted by pattern, then method.
extern const struct nj_route nj_routes[];
extern const size_t nj_route_count;

// api.c: every exchange that ends, and the vitals' reading, may be what a stop waits for. Tells it
// in a later call, so that the caller may go on with the API.
void nj_api_end_if_idle(struct nj_api *api);

// router.c
enum nj_route_match { NJ_ROUTE_FOUND, NJ_ROUTE_UNKNOWN, NJ_ROUTE_OTHER_METHOD };
struct nj_route_hit {
    const struct nj_route *route;
    char params[NJ_ROUTE_PARAMS_MAX][NJ_ROUTE_PARAM_SIZE];
    char allow[64]; // of NJ_ROUTE_OTHER_METHOD
    bool too_long;  // a parameter, which was left out
};
enum nj_route_match nj_route_find(const char *method, const char *path, struct nj_route_hit *out);
// True when a route begins with the path's first part: no view of the page lies there.
bool nj_route_is_beneath(const char *path);

struct nj_vitals;
struct nj_cleanup;

struct nj_api {
    const struct nj_api_context *context; // parts come to be while the API runs already
    bool key_enabled;
    size_t key_count;
    uint8_t keys[NJ_API_KEYS_MAX][NJ_SHA256_SIZE];
    bool token_enabled;
    uint8_t token[NJ_SHA256_SIZE];
    char **hosts; // further values of Host and Origin
    size_t host_count;
    char *bound_host;
    char web_root[NJ_WEB_ROOT_SIZE]; // "" when the page was not found
    nj_us source_test_us;
    struct nj_http_server *server;
    size_t in_flight; // exchanges that are not answered
    bool stopping, server_stopped;
    struct nj_call ended; // posted when all is over
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct nj_metric *route_requests[NJ_ROUTES_MAX + 1]; // the last: no route
    struct nj_metric *route_seconds[NJ_ROUTES_MAX + 1];
    struct nj_lru *pictures; // thumbnails and snapshots
    size_t works_running, works_waiting;
    struct nj_list works;
    struct nj_list source_tests; // under way
    size_t source_test_count;
    struct nj_vitals *vitals;
    struct nj_cleanup *cleanup;
};

// One request until its answer. Freed by the answer.
struct nj_exchange {
    struct nj_api *api;
    struct nj_http_request *request;
    const struct nj_route *route; // NULL: no route
    nj_us started_us;             // monotonic
    char params[NJ_ROUTE_PARAMS_MAX][NJ_ROUTE_PARAM_SIZE];
    const char *body; // of a route that declares one, else ""; as long as the exchange
    size_t body_length;
};

// auth.c
int nj_auth_init(struct nj_api *api, const struct nj_api_options *options, struct nj_error *err);
// True for what wants to become a WebSocket: "/ws/...", and "/" with an upgrade.
bool nj_auth_is_websocket(struct nj_http_request *request);
// True when the request may use routes that are not open.
bool nj_auth_allows(const struct nj_api *api, struct nj_http_request *request);
// The subprotocol to answer a WebSocket handshake with; "" when none was offered.
void nj_auth_subprotocol(const struct nj_http_request *request, char *out, size_t size);

// host.c
int nj_hosts_init(struct nj_api *api, const struct nj_api_options *options, const char *bound,
                  struct nj_error *err);
void nj_hosts_finish(struct nj_api *api);
bool nj_host_is_loopback(const char *name); // a name or an address
bool nj_host_allowed(const struct nj_api *api, const struct nj_http_request *request);
// True when there is no Origin, or it is this server's own or an allowed one.
bool nj_origin_allowed(const struct nj_api *api, const struct nj_http_request *request);

// exchange.c: answers. Each consumes the exchange.
struct nj_answer_options {
    int status;                   // 0: 200
    const char *type;             // of the body
    const char *etag;             // quoted; NULL: none
    const char *cache;            // Cache-Control; NULL: "no-store"
    struct nj_http_field more[2]; // NULL names: none
};
// `bytes` is malloc'd and taken.
void nj_exchange_bytes(struct nj_exchange *exchange, void *bytes, size_t length,
                       const struct nj_answer_options *options);
// Takes the buffer's bytes; a failed buffer becomes 500.
void nj_exchange_json(struct nj_exchange *exchange, struct nj_buf *body,
                      const struct nj_answer_options *options);
// Of the options: type, cache and more.
void nj_exchange_file(struct nj_exchange *exchange, const char *path,
                      const struct nj_answer_options *options);
void nj_exchange_problem(struct nj_exchange *exchange, int status, const char *detail);
void nj_exchange_problem_with(struct nj_exchange *exchange, int status, const char *detail,
                              struct nj_http_field header);
// The problem that belongs to an error of a part below.
void nj_exchange_error(struct nj_exchange *exchange, int rc, const struct nj_error *err);
// The same for an operation of the store: says what is full, and what helps.
void nj_exchange_store_error(struct nj_exchange *exchange, int rc, const struct nj_error *err);
// 503 with a detail for the client; the error is for the log.
void nj_exchange_unserved(struct nj_exchange *exchange, const char *detail, int rc,
                          const struct nj_error *err);
// 503: this part is not there.
void nj_exchange_missing(struct nj_exchange *exchange, const char *part);
// The exchange ends as upgraded; whoever takes the request answers it.
struct nj_http_request *nj_exchange_take(struct nj_exchange *exchange);
// The request goes to the WebSocket side, which answers it.
void nj_exchange_upgrade(struct nj_exchange *exchange, enum nj_channel channel);

// A JSON body under construction.
struct nj_json_answer {
    struct nj_buf buf;
    struct nj_json_writer writer;
};
void nj_json_answer_begin(struct nj_json_answer *answer); // opens the object
void nj_json_answer_send(struct nj_json_answer *answer, struct nj_exchange *exchange,
                         const struct nj_answer_options *options); // closes it; options may be NULL

// query.c: parameters. False: the exchange was answered with 400.
bool nj_query_int(struct nj_exchange *exchange, const char *name, const int64_t range[2],
                  int64_t *value);
bool nj_query_bool(struct nj_exchange *exchange, const char *name, bool *out_given, bool *value);
// `end`: a date without a time means the end of that day.
bool nj_query_time(struct nj_exchange *exchange, const char *name, bool end, nj_us *value);
bool nj_query_number(struct nj_exchange *exchange, const char *name, double *value);
// Copies; NULL when absent. Longer than 255 bytes is refused.
bool nj_query_text(struct nj_exchange *exchange, const char *name, char out[256],
                   const char **value);
// Positive id of the path; false: answered with 404.
bool nj_param_id(struct nj_exchange *exchange, size_t index, int64_t *out);

// cursor.c: place in a list, newest first: events go by id alone, other rows by time and id.
struct nj_cursor {
    nj_us at_us; // 0: from the start
    int64_t id;
};
struct nj_pagination {
    size_t limit, shown;
    int64_t total; // negative: not counted
    bool more;
    struct nj_cursor next; // of the last one shown, when there are more
};
void nj_pagination_write(const struct nj_pagination *pagination, struct nj_json_writer *writer);

// A page that was asked for: limit (1..500, default 50), cursor, and whether all are counted.
struct nj_page_query {
    size_t limit; // a list reads one row more, which tells whether there are further ones
    struct nj_cursor before;
    bool counted;
};
bool nj_query_page(struct nj_exchange *exchange, struct nj_page_query *out);
bool nj_query_limit(struct nj_exchange *exchange, size_t *limit); // the first of them alone
// Rows that were read for a page.
struct nj_page_rows {
    const void *rows;
    size_t row_size, count; // count: at most limit + 1
    int64_t total;          // without `counted` of the query: not told
    void (*write)(const void *row, struct nj_json_writer *writer); // one element
    size_t at_us, id;                                              // offsets, for the cursor
};
// "items" and "pagination", into an open object.
void nj_rows_write(const struct nj_page_query *page, const struct nj_page_rows *rows,
                   struct nj_json_writer *writer);
void nj_rows_reply(struct nj_exchange *exchange, const struct nj_page_query *page,
                   const struct nj_page_rows *rows); // an answer of nothing else

// store_call.c: an operation on the store that belongs to an exchange.
struct nj_store_call {
    struct nj_store_op op; // the caller sets op.apply
    struct nj_exchange *exchange;
    void (*reply)(struct nj_store_call *call);  // loop thread, op.rc == 0: answers
    void (*finish)(struct nj_store_call *call); // frees what apply made; may be NULL
    // Loop thread, op.rc != 0: answers; NULL: the problem of the error.
    void (*failed)(struct nj_store_call *call);
    bool again; // set by reply instead of answering: submit once more
    bool write;
};
// Takes `call` (malloc'd, with its fields set but op.loop and op.done). Answers in every case.
void nj_store_call_start(struct nj_exchange *exchange, struct nj_store_call *call);

// work.c: slow work beside the loop (decoding, encoding, clean-up).
struct nj_api_work {
    struct nj_exchange *exchange;
    void (*run)(struct nj_api_work *work);    // called from: worker thread; sets rc and error
    void (*reply)(struct nj_api_work *work);  // loop thread, rc == 0: answers
    void (*finish)(struct nj_api_work *work); // frees what it holds; may be NULL
    int rc;
    struct nj_error error;
    struct nj_list node; // work.c's
    uv_work_t uv;        // work.c's
};
// Takes `work` (malloc'd). Answers in every case: 503 when too many wait.
void nj_api_work_start(struct nj_exchange *exchange, struct nj_api_work *work);

// picture_file.c: bytes of a file that lies, links resolved, under one of the API's roots.
int nj_picture_file_open(const struct nj_api_context *context, const char *path, int *out_fd,
                         struct nj_error *err); // any thread
// picture_reply.c
struct nj_picture_want {
    const struct nj_detection_row *detection;
    const struct nj_detection_row *instead; // when that one's file cannot be shown; may be NULL
    bool thumbnail;
    bool newest; // of the camera: the next one will stand at the same address
};
void nj_picture_reply(struct nj_exchange *exchange, const struct nj_picture_want *want);
struct nj_frame_want {
    struct nj_frame *frame; // a reference of the caller's, taken
    const char *camera_id;
    struct nj_rect crop;           // original pixels; w 0: the whole picture
    int32_t max_width, max_height; // 0: as it is
    int quality;                   // 0: the usual
};
void nj_frame_reply(struct nj_exchange *exchange, const struct nj_frame_want *want);

// page.c: files of the built page.
void nj_page_find(struct nj_api *api, const char *web_root);
void nj_page_reply(struct nj_exchange *exchange); // asset or index by the request's path

// server_metrics.c: the connections' figures in the metrics, as long as the API lives: nobody
// writes the metrics after it.
int nj_server_metrics_start(struct nj_api *api);

// vitals.c: figures that are gathered in the background: cameras by status, pictures a
// minute, load of the host.
int nj_vitals_start(struct nj_api *api, struct nj_error *err);
void nj_vitals_stop(struct nj_api *api);
void nj_vitals_destroy(struct nj_api *api); // nothing of it is in flight
struct nj_vitals_view {
    double cameras, online, offline;                                // -1: nobody gathers them
    double cpu_percent, ram_used, ram_total, disk_used, disk_total; // bytes; 0: not known
    double pictures_per_minute;
};
void nj_vitals_read(struct nj_metrics *metrics, struct nj_vitals_view *out);

// camera_get.c: the members of a camera.
void nj_api_camera_write(const struct nj_camera_row *row, struct nj_json_writer *writer);

// stream_view.c: the members of a stream's state.
void nj_api_stream_write(const struct nj_source_stats *stats, struct nj_json_writer *writer);

// live_view.c
// source_view.c: the members of a live camera's source; source_list.c: the answer for one.
void nj_api_source_write(const struct nj_live_camera *camera, struct nj_json_writer *writer);
void nj_api_source_reply(struct nj_exchange *exchange, const char *id, int status);
void nj_source_tests_cancel(struct nj_api *api); // each answers that it was cancelled

struct nj_live_pipeline *nj_api_live_find(const struct nj_api_context *context,
                                          const char *camera_id);
void nj_api_live_write(struct nj_live_pipeline *pipeline, struct nj_json_writer *writer); // "live"
void nj_api_live_write_frame(const struct nj_api_context *context,
                             struct nj_live_pipeline *pipeline,
                             struct nj_json_writer *writer); // "frame"

// health_write.c
void nj_api_write_services(const struct nj_api_context *context, struct nj_json_writer *writer);
void nj_api_write_breakers(const struct nj_api_context *context, struct nj_json_writer *writer);
void nj_api_queues_write(const struct nj_api_context *context, struct nj_json_writer *writer);
nj_us nj_api_wall_us(const struct nj_api *api);
// What of the worker's parts is there: streams, models, clients, database, redis.
void nj_api_write_parts(const struct nj_api_context *context, struct nj_json_writer *writer);
// uptime_seconds: corrections of the wall clock do not reach it.
void nj_api_write_uptime(const struct nj_api *api, struct nj_json_writer *writer);

// letters.c: names of dead letter queues.
struct nj_letters_of {
    struct nj_work_queue *queue;
    bool overflow;
};
// "dlq:detection_queue", "dlq:overflow:detection_queue"; false: answered with 404 or 503.
bool nj_letters_param(struct nj_exchange *exchange, struct nj_letters_of *out);
// A page of them over all reasons that belong to the name.
int nj_letters_page(struct nj_db *db, const struct nj_letters_of *of, const size_t start_limit[2],
                    struct nj_letter_page out[2], struct nj_error *err);

// record_get.c: members of a record.
struct nj_record_row;
void nj_api_record_write(const struct nj_record_row *row, struct nj_json_writer *writer);

// cleanup.c
void nj_api_cleanup_cancel(struct nj_api *api); // a run ends between two of its batches
void nj_api_cleanup_finish(struct nj_api *api);

// openapi.c
void nj_openapi_write(struct nj_buf *out);
struct nj_openapi_schema {
    const char *name, *json;
};
extern const struct nj_openapi_schema nj_openapi_schemas[]; // openapi_schemas.c
extern const size_t nj_openapi_schema_count;

#endif
