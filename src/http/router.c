// SPDX-License-Identifier: Apache-2.0
// Finds the route of a path in the static table.
#include "http/http_priv.h"

#include <stdio.h>
#include <string.h>

// True when `path` has the form of `pattern`; segments in braces go to `params`.
static bool matches(const char *pattern, const char *path, struct nj_route_hit *hit)
{
    size_t param = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0)
            return false;
        if (length >= NJ_ROUTE_PARAM_SIZE)
            hit->too_long = true;
        else
            memcpy(hit->params[param], path, length);
        param++;
        path += length;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *path == '\0';
}

static void allow(struct nj_route_hit *hit, const char *method)
{
    size_t used = strlen(hit->allow);
    const char *further = strcmp(method, "GET") == 0 ? ", HEAD" : "";
    snprintf(hit->allow + used, sizeof hit->allow - used, "%s%s%s", used > 0 ? ", " : "", method,
             further);
}

enum nj_route_match nj_route_find(const char *method, const char *path, struct nj_route_hit *out)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct nj_route_hit hit = {.route = NULL};
    size_t literal = 0; // the found pattern is the longest before its first brace
    for (size_t i = 0; i < nj_route_count; i++) {
        const struct nj_route *route = &nj_routes[i];
        struct nj_route_hit candidate = {.route = route};
        if (!matches(route->pattern, path, &candidate))
            continue;
        size_t length = strcspn(route->pattern, "{");
        if (strcmp(route->method, wanted) != 0) {
            allow(&hit, route->method);
        } else if (hit.route == NULL || length > literal) {
            memcpy(candidate.allow, hit.allow, sizeof hit.allow);
            hit = candidate;
            literal = length;
        }
    }
    *out = hit;
    if (hit.route != NULL)
        return NJ_ROUTE_FOUND;
    return hit.allow[0] != '\0' ? NJ_ROUTE_OTHER_METHOD : NJ_ROUTE_UNKNOWN;
}

bool nj_route_is_beneath(const char *path)
{
    for (size_t i = 0; i < nj_route_count; i++) {
        const char *pattern = nj_routes[i].pattern;
        size_t first = 1 + strcspn(pattern + 1, "/");
        if (first > 1 && strncmp(pattern, path, first) == 0 &&
            (path[first] == '/' || path[first] == '\0'))
            return true;
    }
    return false;
}
