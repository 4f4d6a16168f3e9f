/* The least that can follow a change with a request: wait for a rename in one directory, connect, send, read.
 *
 *   raw_inotify DIRECTORY PORT
 *
 * It parses nothing, remembers nothing and checks nothing: the floor under the time from a change to its
 * request. Says "ready" once it watches, and runs until it is ended.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

static const char request[] =
    "POST /api-open/v1/workflows/7/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"input\":{}}";

int main(int argc, char **argv)
{
    char events[4096], reply[4096];
    struct sockaddr_in to = {.sin_family = AF_INET};
    int watch = inotify_init1(IN_CLOEXEC);
    if (argc != 3 || watch < 0 || inotify_add_watch(watch, argv[1], IN_MOVED_TO) < 0)
        return 1;
    to.sin_port = htons((unsigned short)atoi(argv[2]));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    puts("ready");
    fflush(stdout);
    while (read(watch, events, sizeof events) > 0) {
        int server = socket(AF_INET, SOCK_STREAM, 0);
        if (server < 0 || connect(server, (struct sockaddr *)&to, sizeof to) < 0)
            return 1;
        if (write(server, request, sizeof request - 1) != sizeof request - 1)
            return 1;
        while (read(server, reply, sizeof reply) > 0)
            ;
        close(server);
    }
    return 0;
}
