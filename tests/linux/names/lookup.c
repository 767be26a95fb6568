/* Looks a name up as an application does, and prints what came of it: the error's name, or OK and each address. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifndef EAI_NODATA
#define EAI_NODATA -5
#endif

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *each;
    if (argc != 3) return 2;
    if (!strcmp(argv[2], "4")) hints.ai_family = AF_INET;
    if (!strcmp(argv[2], "6")) hints.ai_family = AF_INET6;
    int error = getaddrinfo(argv[1], NULL, &hints, &found);
    if (error == EAI_NONAME) printf("EAI_NONAME");
    else if (error == EAI_NODATA) printf("EAI_NODATA");
    else if (error == EAI_AGAIN) printf("EAI_AGAIN");
    else if (error) printf("error %d", error);
    else printf("OK");
    for (each = error ? NULL : found; each; each = each->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const void *address = each->ai_family == AF_INET
            ? (const void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
            : (const void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
        printf(" %s", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    printf("\n");
    return 0;
}
