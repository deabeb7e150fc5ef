// SPDX-License-Identifier: Apache-2.0
// A small web server on a thread of its own that gives one file, also badly: broken off, too large,
// redirected, never ending, held back.
#ifndef NJ_TESTS_PIPELINE_WEB_HELPER_H
#define NJ_TESTS_PIPELINE_WEB_HELPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { WEB_LAST_MAX = 2048 };

struct web {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    // Below: under the mutex.
    const void *bytes; // borrowed
    size_t length;
    const char *etag; // with quotes; NULL none
    bool no_ranges;   // answers every request with the whole file
    size_t cut;       // bytes after which answers to /cut break off, once each; 0: never
    int refusals;     // so many answers to /cut are 500 once nothing is cut any more
    bool held;        // answers to /hold wait
    bool ending;
    int requests, connections;
    char last[WEB_LAST_MAX]; // head of the newest request
};

// Paths: /a /cut /hold; /missing 404; /broken 500; /moved -> /a; /loop; /elsewhere -> 127.0.0.2;
// /huge declares 5 GB; /endless never ends and declares nothing; /silent sends one byte.
void web_start(struct web *web, const void *bytes, size_t length);
void web_stop(struct web *web);
void web_url(const struct web *web, const char *path, char *out, size_t size);
void web_set(struct web *web, const void *bytes, size_t length, const char *etag);
void web_fail(struct web *web, size_t cut, int refusals);
void web_ranges(struct web *web, bool served);
void web_hold(struct web *web, bool held);
int web_requests(struct web *web);
// Waits until so many requests came; fails the test after ten seconds.
void web_wait(struct web *web, int requests);
// Whether the newest request has this line, without its end.
bool web_saw(struct web *web, const char *line);

#endif
