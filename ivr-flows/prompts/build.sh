#!/usr/bin/env bash
# Speaks the texts of prompts.yaml and values.tsv into <language>/<name>.wav: 8 kHz, mono, 16 bit, silence trimmed,
# loudness evened.
#
#   ./build.sh            speak what has no recording yet
#   ./build.sh --all      speak everything again (recordings made by people are overwritten!)
#   ./build.sh NAME...    speak these again
#
# Needs espeak-ng and sox. Give each language another voice with VOICE_ru=..., VOICE_kk=..., VOICE_en=...
set -euo pipefail
cd "$(dirname "$0")"

for tool in espeak-ng sox awk; do
    command -v "$tool" >/dev/null || {
        echo "build.sh: $tool is missing; on Debian: sudo apt-get install espeak-ng sox" >&2
        exit 69
    }
done

rms_wanted=-20 # dB below full scale; speech at this level leaves room for its peaks
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name <tab> language <tab> text, one line each. The file keeps to one simple form, so awk can read it.
texts() {
    awk '
        /^  [A-Za-z0-9_-]+:[ ]*$/ { name = $1; sub(/:$/, "", name); next }
        /^    [a-z]+: "/ {
            language = $1; sub(/:$/, "", language)
            text = $0; sub(/^    [a-z]+: "/, "", text); sub(/"[ ]*$/, "", text)
            printf "%s\t%s\t%s\n", name, language, text
        }' prompts.yaml
    cat values.tsv # as `dozvon prompts texts` lists them
}

speak() { # language, text, file
    local voice="VOICE_$1"
    espeak-ng -v "${!voice:-$1}" -s 172 -g 2 -w "$3" -- "$2"
}

# A text may change its language: "kk: … | en: …".
speak_parts() { # language, text, file
    local language part parts=() rest="$2" n=0
    while [ -n "$rest" ]; do
        part="${rest%% | *}"
        case "$rest" in *" | "*) rest="${rest#* | }" ;; *) rest="" ;; esac
        language="$1"
        case "$part" in [a-z][a-z]": "*) language="${part%%:*}"; part="${part#*: }" ;; esac
        n=$((n + 1))
        speak "$language" "$part" "$work/part$n.wav"
        parts+=("$work/part$n.wav")
    done
    sox "${parts[@]}" "$3"
}

finish() { # from, to
    sox -R -D "$1" -r 8000 -c 1 -b 16 "$work/trimmed.wav" gain -3 highpass 120 rate -v 8000 \
        silence 1 0.01 0.6% reverse silence 1 0.01 0.6% reverse pad 0.03 0.15
    local rms gain
    rms=$(sox "$work/trimmed.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
    gain=$(awk -v rms="$rms" -v wanted="$rms_wanted" 'BEGIN { printf "%.2f", wanted - rms }')
    # -l: peaks are limited instead of clipped.
    sox -R -D "$work/trimmed.wav" -b 16 "$2" gain -l "$gain"
}

made=0
while IFS=$'\t' read -r name language text; do
    target="$language/$name.wav"
    case "${1:-}" in
    "") [ -e "$target" ] && continue ;;
    --all) ;;
    *) case " $* " in *" $name "*) ;; *) continue ;; esac ;;
    esac
    mkdir -p "$language"
    speak_parts "$language" "$text" "$work/spoken.wav"
    finish "$work/spoken.wav" "$target"
    made=$((made + 1))
done < <(texts)
[ -e music/moh-soft.wav ] || ./music.sh
echo "build.sh: $made prompts made; $(du -sch ./*/*.wav | tail -1 | cut -f1) in all"
