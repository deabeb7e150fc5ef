// SPDX-License-Identifier: Apache-2.0
// The servers that actions go to: one connection a server, user and database, however many archives
// name it; a breaker each.
#include "actions/action_priv.h"

#include "net/url.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool nj_action_secret_is_reference(const char *password)
{
    return strncmp(password, "env:", 4) == 0 || strncmp(password, "file:", 5) == 0;
}

void nj_action_site_of(const struct nj_action_runner *runner, enum nj_action_edge edge,
                       const struct nj_archive *archive, struct nj_action_site *out)
{
    const struct nj_spec *spec = archive != NULL ? archive->spec : NULL;
    *out = (struct nj_action_site){.edge = edge};
    if (edge == NJ_EDGE_REDIS && spec != NULL && spec->redis.given) {
        out->archive = true;
        out->port = spec->redis.port;
        out->database_number = spec->redis.database;
        nj_text_copy(out->host, sizeof out->host, spec->redis.host);
        nj_text_copy(out->password, sizeof out->password, spec->redis.password);
    } else if (edge == NJ_EDGE_FOREIGN && spec != NULL && spec->postgresql.given) {
        out->archive = true;
        out->port = spec->postgresql.port;
        nj_text_copy(out->host, sizeof out->host, spec->postgresql.host);
        nj_text_copy(out->database, sizeof out->database, spec->postgresql.database);
        nj_text_copy(out->username, sizeof out->username, spec->postgresql.username);
        nj_text_copy(out->password, sizeof out->password, spec->postgresql.password);
    } else if (edge == NJ_EDGE_REDIS && runner->config.redis->url[0] == '\0') {
        out->edge = NJ_EDGE_LOCAL;
    } else if (edge == NJ_EDGE_FOREIGN && runner->config.foreign->url[0] == '\0') {
        out->edge = NJ_EDGE_LOCAL;
    }
}

static void append_encoded(struct nj_buf *buf, const char *text)
{
    char escaped[3 * sizeof((struct nj_action_site *)0)->database];
    nj_url_escape(text, escaped, sizeof escaped);
    nj_buf_append_text(buf, escaped);
}

static void append_host(struct nj_buf *buf, const char *host)
{
    if (strchr(host, ':') != NULL) // IPv6
        nj_buf_printf(buf, "[%s]", host);
    else
        nj_buf_append_text(buf, host);
}

// The address without a password, which is the target's name too.
static void make_url(const struct nj_action_site *site, struct nj_buf *buf)
{
    if (site->edge == NJ_EDGE_REDIS) {
        nj_buf_append_text(buf, "redis://");
        append_host(buf, site->host);
        nj_buf_printf(buf, ":%d/%d", site->port, site->database_number);
        return;
    }
    nj_buf_append_text(buf, "postgresql://");
    append_encoded(buf, site->username);
    nj_buf_append_char(buf, '@');
    append_host(buf, site->host);
    nj_buf_printf(buf, ":%d/", site->port);
    append_encoded(buf, site->database);
}

// What the reference stands for; malloc'd. Looked up when the connection is made, so that nothing
// secret is kept with the archive.
static int resolve_secret(const struct nj_action_runner *runner, const char *reference, char **out,
                          struct nj_error *err)
{
    char text[NJ_ARCHIVE_SECRET_MAX] = "";
    const int rc = reference[0] != '\0' ? nj_archive_secret(runner->config.archives, reference,
                                                            text, sizeof text, err)
                                        : 0;
    if (rc == 0)
        *out = nj_strdup(text);
    explicit_bzero(text, sizeof text);
    if (rc != 0)
        return rc;
    return *out != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory for a password");
}

static void target_destroy(const struct nj_action_runner *runner, struct nj_action_target *target)
{
    if (target == NULL)
        return;
    if (runner->config.registry != NULL && target->breaker != NULL)
        nj_registry_remove_breaker(runner->config.registry, target->breaker);
    nj_redis_destroy(target->redis);
    if (target->foreign != NULL)
        nj_foreign_destroy(target->foreign, 0);
    nj_breaker_destroy(target->breaker);
    if (target->password != NULL)
        explicit_bzero(target->password, strlen(target->password));
    free(target->password);
    free(target->url);
    free(target);
}

// An archive comes from a stranger and names its own servers: they are held against the rules for
// actions. The site's own servers are what the site says.
static const struct nj_address_rules *rules_of(const struct nj_action_runner *runner, bool archive)
{
    return archive ? &runner->config.options->rules : &nj_address_trusted;
}

static int connect_redis(struct nj_action_runner *runner, struct nj_action_target *target,
                         bool archive, struct nj_error *err)
{
    target->redis_options = *runner->config.redis;
    if (archive) {
        target->redis_options.url = target->url;
        target->redis_options.password = target->password;
    }
    const struct nj_redis_config config = {.options = &target->redis_options,
                                           .name = target->name,
                                           .loop = runner->config.loop,
                                           .breaker = target->breaker,
                                           .metrics = runner->config.metrics,
                                           .log = runner->config.log,
                                           .rules = rules_of(runner, archive)};
    return nj_redis_create(&config, &target->redis, err);
}

static int connect_foreign(struct nj_action_runner *runner, struct nj_action_target *target,
                           bool archive, struct nj_error *err)
{
    target->foreign_options = *runner->config.foreign;
    if (archive) {
        target->foreign_options.url = target->url;
        target->foreign_options.password = target->password;
    }
    const struct nj_foreign_config config = {.options = &target->foreign_options,
                                             .name = target->name,
                                             .loop = runner->config.loop,
                                             .breaker = target->breaker,
                                             .metrics = runner->config.metrics,
                                             .log = runner->config.log,
                                             .rules = rules_of(runner, archive)};
    return nj_foreign_create(&config, &target->foreign, err);
}

// "redis:10.0.0.5:6379:0" of "redis://10.0.0.5:6379/0": a name is a segment of the path that resets
// the breaker, and no segment has a "/" in it.
static void name_breaker(struct nj_action_target *target)
{
    char *at = target->breaker_name;
    for (const char *from = target->name; *from != '\0'; from++) {
        if (*from != '/')
            *at++ = *from;
        else if (at > target->breaker_name && at[-1] != ':')
            *at++ = ':';
    }
    *at = '\0';
}

static int make_breaker(struct nj_action_runner *runner, struct nj_action_target *target,
                        struct nj_error *err)
{
    const struct nj_action_options *settings = runner->config.options;
    name_breaker(target);
    const struct nj_breaker_options options = {.name = target->breaker_name,
                                               .failure_threshold = (int)settings->breaker_failures,
                                               .recovery_us = settings->breaker_us,
                                               .half_open_max = NJ_BREAKER_HALF_OPEN_MAX,
                                               .success_threshold = NJ_BREAKER_SUCCESS_THRESHOLD};
    struct nj_registry *registry = runner->config.registry;
    int rc = nj_breaker_create(&options, runner->clock, &target->breaker);
    if (rc == 0 && registry != NULL)
        rc = nj_registry_add_breaker(registry, target->breaker);
    if (rc == NJ_E_EXISTS) // the same server with another password: the first one is shown
        rc = 0;
    return rc != 0 ? nj_error_set(err, rc, "no memory for a breaker") : 0;
}

// Room for one more: the server that was not used for longest, and is not in use, goes.
static int make_room(struct nj_action_runner *runner, struct nj_error *err)
{
    if (runner->target_count < NJ_ACTION_TARGETS_MAX)
        return 0;
    for (struct nj_list *node = runner->targets.next; node != &runner->targets; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        if (target->users > 0)
            continue;
        nj_list_remove(node);
        runner->target_count--;
        target_destroy(runner, target);
        return 0;
    }
    return nj_error_set(err, NJ_E_FULL, "more than %d servers are in use by actions",
                        NJ_ACTION_TARGETS_MAX);
}

// Found targets go to the end of the list: the first is the one not used for longest.
static struct nj_action_target *find(struct nj_action_runner *runner, const char *name,
                                     const char *secret_sha256)
{
    for (struct nj_list *node = runner->targets.next; node != &runner->targets; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        if (strcmp(target->name, name) == 0 && strcmp(target->secret_sha256, secret_sha256) == 0) {
            nj_list_remove(node);
            nj_list_append(&runner->targets, node);
            return target;
        }
    }
    return NULL;
}

// By its id, which only a letter of its own knows: of two archives with one server, the one without
// the password must not use the other's connection.
static struct nj_action_target *find_again(struct nj_action_runner *runner, const char *name,
                                           const char *id)
{
    for (struct nj_list *node = runner->targets.next; node != &runner->targets; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        if (strcmp(target->name, name) == 0 && strcmp(target->id, id) == 0)
            return target;
    }
    return NULL;
}

// What a target is made of; the strings are taken from it.
struct plan {
    enum nj_action_edge edge;
    bool archive;
    char *url, *password;
    char name[NJ_ACTION_TARGET_NAME_SIZE];
    char secret_sha256[NJ_SHA256_HEX_SIZE];
};

static int create(struct nj_action_runner *runner, struct plan *plan, struct nj_action_target **out,
                  struct nj_error *err)
{
    int rc = make_room(runner, err);
    if (rc != 0)
        return rc;
    struct nj_action_target *target = calloc(1, sizeof *target);
    if (target == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a connection");
    target->edge = plan->edge;
    target->url = plan->url;
    target->password = plan->password;
    plan->url = plan->password = NULL;
    memcpy(target->name, plan->name, sizeof target->name);
    memcpy(target->secret_sha256, plan->secret_sha256, sizeof target->secret_sha256);
    rc = nj_random_uuid(target->id);
    rc = rc != 0 ? nj_error_set(err, rc, "no random bytes for a connection")
                 : make_breaker(runner, target, err);
    if (rc == 0 && plan->edge == NJ_EDGE_REDIS)
        rc = connect_redis(runner, target, plan->archive, err);
    else if (rc == 0 && plan->edge == NJ_EDGE_FOREIGN)
        rc = connect_foreign(runner, target, plan->archive, err);
    if (rc != 0) {
        target_destroy(runner, target);
        return rc;
    }
    nj_list_append(&runner->targets, &target->node);
    runner->target_count++;
    *out = target;
    return 0;
}

static int plan_archive(const struct nj_action_runner *runner, const struct nj_action_site *site,
                        struct plan *plan, struct nj_error *err)
{
    struct nj_buf url;
    nj_buf_init(&url, NJ_ACTION_TARGET_NAME_SIZE - 1);
    make_url(site, &url);
    plan->url = nj_buf_take(&url, NULL);
    nj_buf_finish(&url);
    if (plan->url == NULL)
        return nj_error_set(err, NJ_E_INVALID, "the address of the archive's server is too long");
    nj_text_copy(plan->name, sizeof plan->name, plan->url);
    const int rc = resolve_secret(runner, site->password, &plan->password, err);
    return rc != 0 ? rc
                   : nj_sha256_hex(plan->password, strlen(plan->password), plan->secret_sha256);
}

int nj_action_target_get(struct nj_action_runner *runner, const struct nj_action_site *site,
                         struct nj_action_target **out, struct nj_error *err)
{
    struct plan plan = {.edge = site->edge, .archive = site->archive};
    int rc = 0;
    if (site->edge == NJ_EDGE_LOCAL) {
        *out = NULL;
        return 0;
    }
    if (site->archive)
        rc = plan_archive(runner, site, &plan, err);
    else
        nj_text_copy(plan.name, sizeof plan.name,
                     site->edge == NJ_EDGE_REDIS ? "redis" : "postgresql");
    if (rc == 0) {
        struct nj_action_target *known =
            site->connection[0] != '\0' ? find_again(runner, plan.name, site->connection) : NULL;
        known = known != NULL ? known : find(runner, plan.name, plan.secret_sha256);
        if (known != NULL)
            *out = known;
        else
            rc = create(runner, &plan, out, err);
    }
    free(plan.url);
    free(plan.password);
    return rc;
}

// "http://host:8080" of an address, without user and path.
static void host_of(const char *url, char *out, size_t size)
{
    char shown[NJ_ACTION_CHANNEL_SIZE];
    nj_address_redact(url, shown, sizeof shown);
    const char *host = strstr(shown, "://");
    const size_t end =
        host != NULL ? strcspn(host + 3, "/?#") + (size_t)(host + 3 - shown) : strlen(shown);
    snprintf(out, size, "%.*s", (int)end, shown);
}

void nj_action_target_http(struct nj_action_runner *runner, const char *url,
                           struct nj_action_target **out)
{
    struct plan plan = {.edge = NJ_EDGE_HTTP};
    struct nj_error why;
    host_of(url, plan.name, sizeof plan.name);
    *out = find(runner, plan.name, "");
    if (*out == NULL && create(runner, &plan, out, &why) != 0)
        *out = NULL; // works without a breaker too
}

static void handle_reply(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(command, struct nj_action_job, command);
    const struct nj_error why = reply->error;
    nj_action_tried(job, reply->rc, &why);
}

void nj_action_ask_redis(struct nj_action_job *job, const char *const *words, const size_t *lengths,
                         size_t count)
{
    struct nj_error why = {0};
    job->command = (struct nj_redis_command){
        .words = words, .lengths = lengths, .count = count, .done = handle_reply};
    const int rc = nj_redis_send(job->target->redis, &job->command, &why);
    if (rc != 0)
        nj_action_tried(job, rc, &why);
}

void nj_action_targets_destroy(struct nj_action_runner *runner)
{
    struct nj_list *node;
    while ((node = nj_list_pop(&runner->targets)) != NULL) {
        runner->target_count--;
        target_destroy(runner, NJ_CONTAINER_OF(node, struct nj_action_target, node));
    }
}
