// The only C++ file: Google Benchmark's own API is C++. Written for Debian's 1.7.1 and later ones.
#include "harness/timer.h"

#include <benchmark/benchmark.h>

#include <vector>

namespace
{

// Takes the raw figures of each repetition; prints nothing.
class collector : public benchmark::BenchmarkReporter
{
  public:
    explicit collector(pab_timing *out, uint32_t reps) : out_(out), reps_(reps)
    {
    }

    bool ReportContext(const Context &) override
    {
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs) {
            if (run.run_type != Run::RT_Iteration || out_->rep_count >= reps_) {
                continue; // aggregates are ours to make
            }
            const double iterations = static_cast<double>(run.iterations);
            out_->iterations = static_cast<uint64_t>(run.iterations);
            out_->wall_ns[out_->rep_count] = run.real_accumulated_time * 1e9 / iterations;
            out_->cpu_ns[out_->rep_count] = run.cpu_accumulated_time * 1e9 / iterations;
            out_->rep_count++;
        }
    }

  private:
    pab_timing *out_;
    uint32_t reps_;
};

void stop(void *timer)
{
    static_cast<benchmark::State *>(timer)->PauseTiming();
}

void go_on(void *timer)
{
    static_cast<benchmark::State *>(timer)->ResumeTiming();
}

} // namespace

extern "C" __attribute__((visibility("default"))) void
pab_timer_gbench(const struct pab_timed *timed, struct pab_timing *out)
{
    out->rep_count = 0;
    benchmark::RegisterBenchmark("body",
                                 [timed](benchmark::State &state) {
                                     *timed->clock = {stop, go_on, &state};
                                     for (auto _ : state) {
                                         timed->body(timed->arg);
                                     }
                                 })
        ->MinTime(timed->min_time_s)
        ->Repetitions(static_cast<int>(timed->reps))
        ->MeasureProcessCPUTime();
    collector reporter(out, timed->reps);
    benchmark::RunSpecifiedBenchmarks(&reporter);
}
