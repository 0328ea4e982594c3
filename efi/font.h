// The letters of a screen without firmware: printable ASCII, 5 by 7, drawn where one can see them.
#pragma once

#include <cstddef>

namespace efi {

inline constexpr size_t kGlyphWidth = 5, kGlyphHeight = 7;
inline constexpr size_t kGlyphsPerBand = 16;

// Band b has the characters from 32 + 16 * b on, each 5 columns and one apart. The last is shown in
// place of what is not printable.
// clang-format off
inline constexpr char kFont[6][kGlyphHeight][kGlyphsPerBand * (kGlyphWidth + 1) + 1] = {
    {
        "        #    # #   # #    #   ##  #  ##     #      #   #                                        ",
        "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         # ",
        "        #         ##### # #      #  #  #   #     #       #  # # #   #                        #  ",
        "        #          # #   ###    #    ##          #       #   ###  #####       #####         #   ",
        "        #         #####   # #  #    # # #        #       #  # # #   #    ##                #    ",
        "                   # #  ####  #  ## #  #          #     #     #     #     #          ##   #     ",
        "        #          # #    #   #  ##  ## #          #   #                 #           ##         ",
    },
    {
        " ###    #    ###  ####     #  #####   ##  #####  ###   ###                 #         #     ###  ",
        "#   #  ##   #   #     #   ##  #      #        # #   # #   #  ##    ##     #           #   #   # ",
        "#  ##   #       #     #  # #  ####  #        #  #   # #   #  ##    ##    #    #####    #      # ",
        "# # #   #      #   ###  #  #      # ####    #    ###   ####             #               #    #  ",
        "##  #   #     #       # #####     # #   #  #    #   #     #  ##    ##    #    #####    #    #   ",
        "#   #   #    #        #    #  #   # #   #  #    #   #    #   ##     #     #           #         ",
        " ###   ###  ##### ####     #   ###   ###   #     ###   ##          #       #         #      #   ",
    },
    {
        " ###   ###  ####   ###  ###   ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ###  ",
        "#   # #   # #   # #   # #  #  #     #     #   # #   #   #      #  #  #  #     ## ## #   # #   # ",
        "    # #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   # ",
        " ## # ##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   # ",
        "# # # #   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   # ",
        "# # # #   # #   # #   # #  #  #     #     #   # #   #   #   #  #  #  #  #     #   # #   # #   # ",
        " ###  #   # ####   ###  ###   ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ###  ",
    },
    {
        "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###         ###    #         ",
        "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #        ",
        "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #   #     #       #  #   #       ",
        "####  #   # ####   ###    #   #   # #   # # # #   #     #     #    #      #      #              ",
        "#     # # # # #       #   #   #   # #   # # # #  # #    #    #     #       #     #              ",
        "#     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #      #        #    #              ",
        "#      ## # #   # ####    #    ###    #   #   # #   #   #   #####  ###         ###        ##### ",
    },
    {
        " #          #               #         ##        #       #      #  #      ##                     ",
        "  #         #               #        #  #  #### #                 #       #                     ",
        "   #   ###  ####   ####  ####  ###   #    #   # ####   ##     ##  #  #    #   ## #  ####   ###  ",
        "          # #   # #     #   # #   # ###   #   # #   #   #      #  # #     #   # # # #   # #   # ",
        "       #### #   # #     #   # #####  #     #### #   #   #      #  ##      #   # # # #   # #   # ",
        "      #   # #   # #     #   # #      #        # #   #   #   #  #  # #     #   # # # #   # #   # ",
        "       #### ####   ####  ####  ####  #     ###  #   #  ###   ##   #  #   ###  # # # #   #  ###  ",
    },
    {
        "                         #                                           ##   #   ##          ##### ",
        "####   ####              #                            #   #         #     #     #         #   # ",
        "#   # #   # # ##   #### ####  #   # #   # #   # #   # #   # #####   #     #     #    #    #   # ",
        "#   # #   # ##  # #      #    #   # #   # # # #  # #  #   #    #   #      #      #  # # # #   # ",
        "####   #### #      ###   #    #   # #   # # # #   #    ####   #     #     #     #      #  #   # ",
        "#         # #         #  #  # #   #  # #  # # #  # #      #  #      #     #     #         #   # ",
        "#         # #     ####    ##   ####   #    # #  #   #  ###  #####    ##   #   ##          ##### ",
    },
};
// clang-format on

// Whether a character has ink at a column (below kGlyphWidth) and row (below kGlyphHeight).
constexpr bool has_ink(char c, size_t column, size_t row) {
  const size_t index = c >= ' ' && c <= '~' ? static_cast<size_t>(c - ' ') : 95;
  const size_t left = index % kGlyphsPerBand * (kGlyphWidth + 1);
  return kFont[index / kGlyphsPerBand][row][left + column] == '#';
}
static_assert(has_ink('L', 0, 0) && has_ink('L', 4, 6) && !has_ink('L', 4, 0));
static_assert(has_ink('\x7f', 0, 0) && has_ink('\n', 4, 6));

}  // namespace efi
