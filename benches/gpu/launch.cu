// What the resident kernel saves: one 1 KiB item as a kernel launch of its own.
//
//   launch launch   prints p50 and p99 of launch and wait, and the time of 10,000 launches and one wait, in microseconds
//   launch copy     prints what the link carries to the device, in GB/s
//   launch busy     keeps the GPU full until it is killed

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

using Clock = std::chrono::steady_clock;

static double us(Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

// Reads an item, as an empty rule set would not even do.
__global__ void item(const unsigned *bytes, unsigned *done) {
    unsigned word = bytes[threadIdx.x];
    if (__syncthreads_or(word == 0xdeadbeef) == 0 && threadIdx.x == 0) *done = 1;
}

__global__ void spin(unsigned *done, unsigned rounds) {
    unsigned x = threadIdx.x;
    for (unsigned i = 0; i < rounds; i++) x = x * 1664525u + 1013904223u;
    if (x == 42) *done = x;
}

static bool ok(cudaError_t result) {
    if (result != cudaSuccess) fprintf(stderr, "%s\n", cudaGetErrorString(result));
    return result == cudaSuccess;
}

int main(int argc, char **argv) {
    unsigned *bytes, *done;
    if (!ok(cudaMalloc(&bytes, 1024)) || !ok(cudaMalloc(&done, 4)) || !ok(cudaMemset(bytes, 0, 1024))) return 1;
    if (argc > 1 && !strcmp(argv[1], "busy")) {
        for (;;) {
            spin<<<1056, 256>>>(done, 200000);
            if (!ok(cudaDeviceSynchronize())) return 1;
        }
    }
    if (argc > 1 && !strcmp(argv[1], "copy")) {
        const size_t size = 256u << 20;
        void *from, *to;
        if (!ok(cudaMallocHost(&from, size)) || !ok(cudaMalloc(&to, size))) return 1;
        memset(from, 1, size);
        double best = 0;
        for (int i = 0; i < 8; i++) {
            auto began = Clock::now();
            if (!ok(cudaMemcpy(to, from, size, cudaMemcpyHostToDevice))) return 1;
            best = std::max(best, size / us(Clock::now() - began) / 1e3);
        }
        printf("%f\n", best);
        return 0;
    }
    std::vector<double> times;
    for (int i = 0; i < 20000; i++) {
        auto began = Clock::now();
        item<<<1, 256>>>(bytes, done);
        if (!ok(cudaDeviceSynchronize())) return 1;
        if (i >= 1000) times.push_back(us(Clock::now() - began));
    }
    std::sort(times.begin(), times.end());
    std::vector<double> bursts;
    for (int n = 0; n < 5; n++) {
        auto began = Clock::now();
        for (int i = 0; i < 10000; i++) item<<<1, 256>>>(bytes, done);
        if (!ok(cudaDeviceSynchronize())) return 1;
        bursts.push_back(us(Clock::now() - began));
    }
    std::sort(bursts.begin(), bursts.end());
    printf("%f %f %f\n", times[times.size() / 2], times[times.size() * 99 / 100], bursts[2]);
    return ok(cudaGetLastError()) ? 0 : 1;
}
