// SPDX-License-Identifier: Apache-2.0
// The built page: its files, and its first file for every address that is a view of it.
#include "http/http_priv.h"
#include "util/file.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char installed_root[] = "/usr/share/nightjar/web";

static const struct {
    const char *ending, *type;
} types[] = {
    {".css", "text/css; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
    {".ico", "image/x-icon"},
    {".jpg", "image/jpeg"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
};

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < NJ_COUNT_OF(types); i++) {
        if (nj_text_ends_with_nocase(path, types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

static bool is_file(const char *path)
{
    struct stat stat_out;
    return stat(path, &stat_out) == 0 && S_ISREG(stat_out.st_mode);
}

static bool use_root(struct nj_api *api, const char *folder)
{
    char index[NJ_WEB_ROOT_SIZE];
    return nj_path_join(index, sizeof index, folder, "index.html") == 0 && is_file(index) &&
           nj_text_copy(api->web_root, sizeof api->web_root, folder);
}

void nj_page_find(struct nj_api *api, const char *web_root)
{
    char program[NJ_WEB_ROOT_SIZE], beside[NJ_WEB_ROOT_SIZE];
    if (web_root != NULL && web_root[0] != '\0') {
        if (!use_root(api, web_root))
            nj_log_at(api->context->log, NJ_LOG_WARNING, "The page was not found",
                      NJ_TEXT("web_root", web_root));
        return;
    }
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = NULL;
    if (length > 0) {
        program[length] = '\0';
        slash = strrchr(program, '/');
    }
    if (slash != NULL) {
        *slash = '\0';
        if (nj_path_join(beside, sizeof beside, program, "../../web/dist") == 0 &&
            use_root(api, beside))
            return;
    }
    if (!use_root(api, installed_root))
        nj_log_line(api->context->log, NJ_LOG_INFO, "The page is not built: the API answers alone");
}

static void reply_index(struct nj_exchange *exchange)
{
    static const char absent[] =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Nightjar</title>"
        "<h1>Nightjar is running</h1><p>Its page is not built on this machine. "
        "Build it with <code>./dev build</code>; the API is described at "
        "<a href=\"/openapi.json\">/openapi.json</a>.</p></html>\n";
    const struct nj_api *api = exchange->api;
    char path[NJ_WEB_ROOT_SIZE];
    if (api->web_root[0] != '\0' &&
        nj_path_join(path, sizeof path, api->web_root, "index.html") == 0) {
        nj_exchange_file(
            exchange, path,
            &(struct nj_answer_options){.type = "text/html; charset=utf-8", .cache = "no-cache"});
        return;
    }
    char *copy = nj_strdup(absent);
    if (copy == NULL)
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
    else
        nj_exchange_bytes(exchange, copy, sizeof absent - 1,
                          &(struct nj_answer_options){.type = "text/html; charset=utf-8"});
}

// Built files carry a digest in their names: those may be kept for ever.
static const char *cache_of(const char *path)
{
    return strncmp(path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
}

// A weight of nothing behind a coding, "; q=0" or ";q=0.000": whoever asks does not take it.
static bool weighs_nothing(const char *at)
{
    at += strspn(at, " \t;");
    if (*at != 'q' && *at != 'Q')
        return false;
    at++;
    at += strspn(at, " \t=");
    return strspn(at, "0.") == strcspn(at, " \t,;");
}

static bool takes_gzip(const struct nj_http_request *request)
{
    static const char name[] = "gzip";
    const size_t length = sizeof name - 1;
    const char *at = nj_http_header(request, "Accept-Encoding");
    while (at != NULL) {
        at += strspn(at, " \t,");
        if (strcspn(at, " \t,;") == length && strncasecmp(at, name, length) == 0)
            return !weighs_nothing(at + length);
        at = strchr(at, ',');
    }
    return false;
}

// Beside a built file may lie the same one packed, for whoever takes that.
static void reply_asset(struct nj_exchange *exchange, const char *path)
{
    struct nj_answer_options options = {.type = type_of(path),
                                        .cache = cache_of(nj_http_path(exchange->request))};
    char packed[NJ_WEB_ROOT_SIZE + 4];
    snprintf(packed, sizeof packed, "%s.gz", path);
    if (!is_file(packed)) {
        nj_exchange_file(exchange, path, &options);
        return;
    }
    const bool gzip = takes_gzip(exchange->request);
    options.more[0] = (struct nj_http_field){"Vary", "Accept-Encoding"};
    if (gzip)
        options.more[1] = (struct nj_http_field){"Content-Encoding", "gzip"};
    nj_exchange_file(exchange, gzip ? packed : path, &options);
}

void nj_page_reply(struct nj_exchange *exchange)
{
    const struct nj_api *api = exchange->api;
    const char *request = nj_http_path(exchange->request);
    const char *last = strrchr(request, '/');
    bool is_view = last == NULL || strchr(last, '.') == NULL;
    char path[NJ_WEB_ROOT_SIZE];
    if (is_view)
        reply_index(exchange);
    else if (api->web_root[0] != '\0' && request[0] == '/' &&
             nj_path_join(path, sizeof path, api->web_root, request + 1) == 0 && is_file(path))
        reply_asset(exchange, path);
    else
        nj_exchange_problem(exchange, 404, NULL);
}
