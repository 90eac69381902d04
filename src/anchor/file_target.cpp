#include <array>

#include "anchor/stamp_target.h"
#include "anchorlog/crypto/random.h"
#include "anchorlog/wire/anchor_step.h"

namespace anchorlog::anchor {

namespace {

class FileStamper final : public Stamper {
public:
    FileStamper(FileTarget target, FileSystem& fs, const Clock& clock)
        : target_(std::move(target)), fs_(fs), clock_(clock) {}

    const char* type() const override { return "file"; }

    Result<wire::AnchorStep> stamp(const SealedCheckpoint& checkpoint) override {
        if (!file_) {
            if (auto opened = open(); !opened) return opened.error();
        }
        if (auto done = append(checkpoint); !done) {
            // After a failed sync nothing written through this handle can be relied on: the line is
            // written again through a new one.
            file_.reset();
            return std::move(done).error().in(target_.path);
        }
        return wire::AnchorStep(wire::AnchorWritten{target_.id, checkpoint.batch_id,
                                                    checkpoint.hash, clock_.now().wall});
    }

    Result<void> check(const wire::AnchorStep& line) const override {
        if (std::holds_alternative<wire::AnchorWritten>(line)) return {};
        return Error{Errc::corruption,
                     "the line is of another type of target; give the file another target id"};
    }

private:
    Result<void> open() {
        auto exists = fs_.exists(target_.path);
        if (!exists) return std::move(exists).error();
        auto file = fs_.open(target_.path, *exists ? OpenMode::read_write : OpenMode::create_new);
        if (!file) return std::move(file).error();
        if (!*exists) {
            const std::size_t slash = target_.path.find_last_of('/');
            const std::string dir =
                slash == std::string::npos ? "." : target_.path.substr(0, slash);
            if (auto synced = fs_.sync_dir(dir.empty() ? "/" : dir); !synced) return synced;
        }
        file_ = std::move(*file);
        return {};
    }

    // Whatever stands at the end stays; a line that a crash left without its LF gets one.
    Result<void> append(const SealedCheckpoint& checkpoint) {
        const auto size = file_->size();
        if (!size) return size.error();
        bool is_cut = false;
        if (*size > 0) {
            std::array<std::uint8_t, 1> last{};
            const auto read = file_->read_at(*size - 1, last);
            if (!read) return read.error();
            is_cut = *read == 1 && last[0] != '\n';
        }
        std::string text(is_cut ? 1 : 0, '\n');
        text += wire::format_checkpoint_line(checkpoint.batch_id, checkpoint.note);
        text += '\n';
        if (auto written = file_->write_at(*size, as_bytes(text)); !written) return written;
        return file_->sync_data();
    }

    const FileTarget target_;
    FileSystem& fs_;
    const Clock& clock_;
    std::unique_ptr<File> file_;
};

}  // namespace

Result<std::unique_ptr<AnchorTarget>> make_file_target(FileTarget target, FileSystem& fs,
                                                       const TargetBase& base) {
    std::array<std::uint8_t, 8> seed{};
    crypto::random_bytes(seed);
    const std::string id = target.id;
    const std::uint32_t interval_s = target.interval_s;
    return make_stamp_target(id, interval_s,
                             std::make_unique<FileStamper>(std::move(target), fs, base.clock), base,
                             read_u64be(seed.data()));
}

}  // namespace anchorlog::anchor
